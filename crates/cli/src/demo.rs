//! What `blueprint demo` brings along: a mock API, example blueprints, and secrets that are none.

pub mod api;

/// The example blueprints, as in `blueprints/` of the sources: file name and text.
pub const BLUEPRINTS: &[(&str, &str)] = &[
    ("hello.yaml", include_str!("../../../blueprints/hello.yaml")),
    ("city-weather.yaml", include_str!("../../../blueprints/city-weather.yaml")),
    ("overdue-orders.yaml", include_str!("../../../blueprints/overdue-orders.yaml")),
    ("signed-request.yaml", include_str!("../../../blueprints/signed-request.yaml")),
    ("all-pages.yaml", include_str!("../../../blueprints/all-pages.yaml")),
    ("wait-for-job.yaml", include_str!("../../../blueprints/wait-for-job.yaml")),
    ("both-reports.yaml", include_str!("../../../blueprints/both-reports.yaml")),
    ("order-total.yaml", include_str!("../../../blueprints/order-total.yaml")),
    ("invoice.yaml", include_str!("../../../blueprints/invoice.yaml")),
    ("support-triage.yaml", include_str!("../../../blueprints/support-triage.yaml")),
];

/// The secrets that the example blueprints use, and what the mock API expects.
pub const SECRETS: &[(&str, &str)] = &[
    ("WEATHER_API_KEY", "example-weather-7Qx2"),
    ("ORDERS_TOKEN", "example-orders-9Zk4"),
    ("SIGNING_KEY", "example-signing-3Vb8"),
    ("PAYMENT_USER", "example-user-5Tn1"),
    ("PAYMENT_PASSWORD", "example-password-8Wd6"),
];

/// The hosts that the mock API stands in for.
pub const HOSTS: &[&str] = &["api.weather.example", "api.orders.example"];
