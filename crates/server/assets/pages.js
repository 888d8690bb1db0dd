
{
  // A file whose text goes into a field, to be sent with the form: nothing is sent before.
  document.addEventListener("change", async (event) => {
    const field = event.target.closest("input[type=file][data-into]");
    const [file] = field?.files ?? [];
    if (!file) return;
    document.getElementById(field.dataset.into).value = await file.text();
    field.value = "";
  });

  // A value that was typed is gone when the page is looked at again.
  addEventListener("pagehide", () => {
    for (const field of document.querySelectorAll('input[name="value"], textarea[name="value"]')) {
      field.value = "";
    }
  });
}
