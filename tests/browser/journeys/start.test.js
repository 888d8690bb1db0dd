// The first look at a project.

import assert from 'node:assert/strict';

import { journeys } from '../harness/journey.js';

const journey = journeys();

journey('the start page names the project and its blueprints', {}, async ({ page, person }) => {
  await page.goto('/');
  assert.match(await page.title(), /demo/);
  await page.getByText('overdue-orders').first().waitFor();
  await person.assertNowhere('example-orders-9Zk4');
});
