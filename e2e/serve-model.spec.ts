import { expect, measureOverflow, test, waitLive } from "./support/product";

/** The engine starts and loads the model. */
const STARTING_MS = 240_000;

test("a model is served from the form, shows its address, answers there, and is offered as an endpoint", async ({
  page,
}) => {
  test.setTimeout(STARTING_MS + 180_000);
  await page.goto("/runs/new?preset=serve-smollm2");
  await waitLive(page);
  await expect(
    page.getByRole("group", { name: "What is served" }).getByRole("button", { name: "A model" }),
  ).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Launch", exact: true }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
  const run = page.url();
  await expect(page.getByTestId("serve-address")).toContainText("http://127.0.0.1:", {
    timeout: STARTING_MS,
  });
  const address = (await page.getByTestId("serve-address").innerText()).trim();
  expect(address).toMatch(/\/v1$/);
  const reply = await fetch(`${address}/completions`, {
    method: "POST",
    body: JSON.stringify({
      model: "smollm2-135m-instruct",
      prompt: "The capital of France is",
      max_tokens: 2,
      temperature: 0,
    }),
  });
  expect(((await reply.json()) as { choices: { text: string }[] }).choices[0]!.text).toContain(
    "Paris",
  );
  await expect(page.getByText("Tokens a second", { exact: true })).toBeVisible();

  for (const [width, height] of [
    [390, 844],
    [1280, 900],
  ] as const)
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      expect(await measureOverflow(page), `${width} ${colorScheme}`).toBeLessThanOrEqual(0);
      await page.screenshot({
        path: `test-results/serve-model-${width}-${colorScheme}.png`,
        fullPage: true,
      });
    }

  await page.goto("/runs/new?preset=atlas-rag");
  const offered = page.getByLabel("Running model service for generator.endpoint");
  await offered.selectOption({ index: 1 });
  await expect(page.locator('[id="setting-generator.endpoint"]')).toHaveValue(address);
  await page.screenshot({ path: "test-results/serve-model-form.png", fullPage: true });

  await page.goto(run);
  await page.getByRole("button", { name: "Cancel" }).first().click();
  await page.getByRole("button", { name: "Cancel the run" }).click();
  await expect(page.getByText("The service is stopped")).toBeVisible({ timeout: 60_000 });
  await expect(fetch(`${address}/models`)).rejects.toThrow();
});
