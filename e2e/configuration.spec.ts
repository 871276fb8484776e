import { expect, test, waitLive } from "./support/product";

test.beforeEach(async ({ page }) => {
  await page.goto("/runs/new");
  await waitLive(page);
});

test("presets say which of them this installation can run, and why not", async ({ page }) => {
  await expect(page.locator('[data-preset="atlas-smollm2"]')).toContainText("ready", {
    timeout: 30_000,
  });
  const paper = page.locator('[data-preset="paper-qwen2.5-7b"]');
  await expect(paper).toContainText("not here");
  await paper.click();
  const parts = page.getByRole("list", { name: "Parts to fetch" });
  await expect(parts).toContainText(
    "The model qwen2.5-7b-instruct is not here · 14.2 GiB to download · licence: apache-2.0",
  );
  await expect(parts).toContainText("npm run s3 -- model fetch Qwen/Qwen2.5-7B-Instruct");
  await expect(parts).toContainText("npm run s3 -- questions fetch s3-processed-data");
  await expect(page.locator('[id="setting-searcher.model"]')).toHaveValue("qwen2.5-7b-instruct");
  const launch = page.getByRole("region", { name: "Launch" });
  await expect(launch).toContainText("no attached worker has the model qwen2.5-7b-instruct");
  await expect(launch).toContainText(/there is no question set/);
  await expect(launch.getByRole("button", { name: "Launch", exact: true })).toBeDisabled();
});

test("a setting is checked while one types, and set back to its default", async ({ page }) => {
  const steps = page.locator('[id="setting-rl.steps"]');
  await steps.fill("-3");
  await expect(page.locator('[data-setting="rl.steps"]')).toContainText("must be at least 0");
  await expect(page.getByRole("region", { name: "Launch" })).toContainText("rl.steps");
  await expect(page.getByRole("button", { name: "Launch", exact: true })).toBeDisabled();
  await page.getByRole("button", { name: "Set Steps back to 20" }).click();
  await expect(steps).toHaveValue("20");
  await expect(page.locator('[data-setting="rl.steps"]')).not.toContainText("must be");
});

test("what another kind of run had is gone once a preset or the kind changes", async ({ page }) => {
  const launch = page.getByRole("region", { name: "Launch" });
  await page.locator('[id="setting-rl.steps"]').fill("7");
  await page.locator('[data-preset="atlas-rag"]').click();
  await page.locator('[id="setting-limit"]').fill("6");
  await expect(launch.getByRole("button", { name: "Launch", exact: true })).toBeEnabled({
    timeout: 30_000,
  });
  for (const [kind, setting] of [
    ["Index", "corpus"],
    ["Train", "rl.steps"],
    ["Predict", "limit"],
  ] as const) {
    await page
      .getByRole("group", { name: "Kind of run" })
      .getByRole("button", { name: kind, exact: true })
      .click();
    const field = page.locator(`[id="setting-${setting}"]`);
    if (setting === "corpus") await field.selectOption("atlas");
    else await field.fill("3");
    await expect(launch).not.toContainText("to mend");
  }
});

test("the generator's prompt is read, edited, checked and given back", async ({ page }) => {
  await page.locator('[data-preset="atlas-rag"]').click();
  const generator = page.getByRole("region", { name: "Generator" });
  await generator.getByRole("button", { name: /more/ }).click();
  const prompt = generator.locator('[data-setting="generator.promptTemplate"]');
  await expect(prompt).toContainText("no such prompt");
  await generator.locator('[id="setting-generator.promptStyle"]').selectOption("chat");
  const text = prompt.getByRole("textbox");
  await expect(text).toHaveValue(/\{documents\}\n--- user ---\n\{question\}/);
  await prompt.getByRole("button", { name: "Edit" }).click();
  await text.fill("Say it: {question}");
  await expect(prompt).toContainText("the placeholder {documents} is missing");
  await text.fill("{documents}\nSay it: {question}");
  await expect(page.getByRole("region", { name: "Launch" })).not.toContainText("to mend");
  await prompt.getByRole("button", { name: "Back to the built-in text" }).click();
  await expect(text).toHaveValue(/Answer the user's question directly/);
});

test("a malformed configuration is named by line, path and key, and nothing is lost", async ({
  page,
}) => {
  await page.getByRole("button", { name: "JSON", exact: true }).click();
  const text = page.getByLabel("Configuration as JSON");
  await expect(text).toBeVisible();
  await page.reload();
  const good = await text.inputValue();
  const apply = page.getByRole("button", { name: "Apply to the settings" });

  await text.fill('{\n  "kind": "train",\n  "name" "x"\n}');
  await expect(page.locator("#json-problems")).toContainText("line 3");
  await expect(apply).toBeDisabled();

  await text.fill('{"kind": "train", "name": "x", "rl": {"stepz": 2, "groupSize": 1}}');
  await expect(page.locator("#json-problems")).toContainText("rl.stepz: unknown setting");
  await expect(page.locator("#json-problems")).toContainText("rl.groupSize: must be at least 2");
  await expect(apply).toBeDisabled();

  expect(good).toMatch(/"steps": \d+/);
  await text.fill(good.replace(/"steps": \d+/, '"steps": 7'));
  await apply.click();
  await expect(page.locator('[id="setting-rl.steps"]')).toHaveValue("7");
});

test("the kind can be switched and keeps what both kinds share", async ({ page }) => {
  await page.locator('[id="setting-search.retrieve"]').fill("5");
  await page.getByRole("button", { name: "Predict", exact: true }).click();
  await expect(page.locator('[id="setting-search.retrieve"]')).toHaveValue("5");
  await expect(page.locator('[id="setting-questions"]')).toHaveValue("atlas/held-out");
  await expect(page.locator('[id="setting-rl.steps"]')).toHaveCount(0);
});

test("launch stays in sight, settings are found, and a draft survives a reload", async ({
  page,
}) => {
  const launch = page.getByRole("button", { name: "Launch", exact: true });
  const dryRun = page.getByRole("button", { name: "Dry run" });
  const search = page.getByLabel("Search settings");
  for (const size of [
    { width: 1440, height: 900 },
    { width: 390, height: 844 },
  ]) {
    await page.setViewportSize(size);
    for (const share of [0, 0.5, 1]) {
      await page.evaluate((to) => window.scrollTo(0, to * document.body.scrollHeight), share);
      await expect(launch).toBeInViewport();
      await expect(dryRun).toBeInViewport();
    }
    await page.getByRole("link", { name: "Skip to the content" }).press("Enter");
    const isReached = () =>
      page.evaluate(() => Boolean(document.activeElement?.closest('[aria-label="Launch"]')));
    let stops = 0;
    do {
      await page.keyboard.press("Tab");
      stops += 1;
    } while (stops < 10 && !(await isReached()));
    expect(stops, "stops of the Tab key before the launch").toBeLessThanOrEqual(3);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.keyboard.press("/");
  await expect(search).toBeFocused();
  await expect(page.locator('[data-setting="search.turns"]')).toContainText(/default 3\s*paper 3/);
  await search.fill("lora alpha");
  await expect(page.locator('[id="setting-searcher.adapter.alpha"]')).toBeVisible();
  await expect(page.locator('[id="setting-rl.steps"]')).toHaveCount(0);
  await search.fill("rl.steps");
  await page.locator('[id="setting-rl.steps"]').fill("9");
  await expect(page).toHaveURL(/q=rl\.steps/);
  await page.reload();
  await expect(page.locator('[id="setting-rl.steps"]')).toHaveValue("9");
  await page.getByRole("button", { name: "Discard them" }).click();
  await expect(page.locator('[id="setting-rl.steps"]')).toHaveValue("12");
  await page.getByRole("button", { name: /Changed only/ }).click();
  await expect(page).toHaveURL(/changed=1/);
});

test("sets are chosen with their sizes, groups are reached from the contents, what is changed stands alone, and the time is foreseen", async ({
  page,
}) => {
  await page.locator('[data-preset="atlas-rag"]').click();
  await expect(
    page.locator('[id="setting-questions"]').getByRole("option", { name: /^atlas\/held-out/ }),
  ).toHaveText(/\([\d,]+ questions\)$/);
  await expect(
    page
      .locator('[id="setting-corpus"]')
      .getByRole("option", { name: /^atlas/ })
      .first(),
  ).toHaveText(/\([\d,]+ documents\)$/);

  const generator = page.getByRole("region", { name: "Generator" });
  await page.getByLabel("Go to a group of settings").selectOption({ label: "Generator" });
  await expect(generator.getByRole("heading")).toBeInViewport();

  await page.locator('[id="setting-limit"]').fill("6");
  await expect(
    page.getByRole("region", { name: "Launch" }),
    "foreseen by the runs of the recording",
  ).toContainText(/About .+ from \d+ runs? like it/);
  await page.getByRole("button", { name: /^Changed only \([1-9]\d*\)$/ }).click();
  await expect(page.locator('[id="setting-limit"]')).toBeVisible();
  const changed = page.getByRole("button", { name: /^Changed only/ });
  const count = Number(/\d+/.exec(await changed.innerText())?.[0]);
  await expect(page.locator("[data-setting]")).toHaveCount(count);
});

test("a setting that the method does not read but that is wrong is reached and mended in the form", async ({
  page,
}) => {
  await page.goto("/runs/new?preset=atlas-smollm2-grpo");
  await waitLive(page);
  const size = page.locator('[id="setting-rl.groupSize"]');
  await size.fill("1");
  await page.locator('[id="setting-method"]').selectOption("sft");
  const launch = page.getByRole("region", { name: "Launch" });
  await launch.getByRole("link", { name: "rl.groupSize" }).click();
  await expect(size).toBeFocused();
  await size.fill("4");
  await expect(launch).not.toContainText("rl.groupSize");
  await expect(size).toHaveCount(0);
});

test("a dry run is started and stopped beside the launch", async ({ page }) => {
  const launch = page.getByRole("region", { name: "Launch" });
  await launch.getByRole("button", { name: "Dry run" }).click();
  await expect(launch.getByRole("progressbar", { name: "Dry run" })).toBeVisible();
  await launch.getByRole("button", { name: "Stop" }).click();
  await expect(launch.getByText("Stopped.")).toBeVisible();
});
