import { readFile } from "node:fs/promises";
import { reportWave } from "./support/mlflow";
import { expect, measureOverflow, openRun, RECORDED, test, waitLive } from "./support/product";

test("charts are smoothed, zoomed together, read by keys, opened and saved", async ({ page }) => {
  await openRun(page, RECORDED.training);
  const chart = page.locator('[data-chart="reward"]');
  const other = page.locator('[data-chart="recall"]');
  const plot = chart.getByRole("group");
  const readCurve = (of = chart) => of.locator("[data-curve]").first().getAttribute("d");
  await expect(chart.locator("[data-curve]").first()).toBeVisible();
  await expect(
    page.locator('[data-chart="memory"] [data-curve]'),
    "charts are drawn when they are in sight",
  ).toHaveCount(0);

  // Smoothing says its formula, and stands in the address.
  const raw = await readCurve();
  await expect(chart.locator("[data-raw]")).toHaveCount(0);
  await page.getByRole("slider", { name: "Smoothing" }).fill("0.9");
  await expect.poll(readCurve).not.toBe(raw);
  await expect(
    chart.locator('[data-raw="reward/mean"]'),
    "the values themselves stand behind it",
  ).toHaveAttribute("d", raw!);
  await expect(page).toHaveURL(/smooth=0\.9/);
  await page.getByText("Smoothing", { exact: true }).hover();
  await expect(page.getByRole("tooltip")).toContainText("w^((x−xᵢ)/d)");

  // Dragging zooms all charts of the page; one button shows everything again.
  await other.scrollIntoViewIfNeeded();
  const whole = await readCurve(other);
  const box = (await plot.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.8, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await expect.poll(() => readCurve(other)).not.toBe(whole);
  await expect(page).toHaveURL(/zoom=[\d.]+\.\.[\d.]+/);
  await page.reload();
  await expect(page.getByLabel("Shown from"), "a link shows the same").not.toHaveValue("");
  await page.getByRole("button", { name: "Reset zoom" }).click();
  await expect.poll(() => readCurve(other)).toBe(whole);

  // The arrow keys move along the steps, and say what stands there.
  await plot.focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await expect(chart.getByRole("status")).toContainText(/^step \d+: Reward, training [\d.–]+/);
  await page.keyboard.press("Escape");

  // Between two evaluations the pointer finds the value of the one before, and says which that was.
  const legend = chart.getByRole("button", { name: /^s3, held-out/ });
  const trained = chart.getByRole("button", { name: /^Reward, training/ });
  await expect(legend).not.toContainText("from");
  const { width } = (await plot.boundingBox())!;
  await plot.hover({ position: { x: 0.75 * width, y: 60 } });
  await expect(chart.getByText("step 3", { exact: true })).toBeVisible();
  await expect(legend).toContainText("from 2");
  await expect(trained).not.toContainText("from");
  await page.getByRole("heading", { level: 1 }).hover();
  await expect(legend).not.toContainText("from");

  // The legend hides a curve, and shows one alone.
  await legend.click();
  await expect(chart.locator("[data-curve]")).toHaveCount(2);
  await legend.press("i");
  await expect(chart.locator("[data-curve]")).toHaveCount(1);
  await legend.press("i");
  await expect(chart.locator("[data-curve]")).toHaveCount(3);
  for (const isolate of [() => legend.click({ modifiers: ["Alt"] }), () => legend.dblclick()]) {
    await isolate();
    await expect(chart.locator("[data-curve]")).toHaveCount(1);
    await expect(legend, "the one that was pressed").toHaveAttribute("aria-pressed", "true");
    await isolate();
    await expect(chart.locator("[data-curve]")).toHaveCount(3);
  }

  const openMenu = () => chart.getByRole("button", { name: /full screen, table, export/ }).click();
  for (const [item, file] of [
    ["Save values as CSV", "reward-and-held-out-accuracy.csv"],
    ["Save as SVG", "reward-and-held-out-accuracy.svg"],
    ["Save as PNG", "reward-and-held-out-accuracy.png"],
  ] as const) {
    await openMenu();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name: item }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(file);
    const content = await readFile(await download.path());
    if (file.endsWith("csv"))
      expect(content.toString()).toMatch(/^\uFEFFstep,reward\/mean,reward\/mean_smoothed_0.9,/);
    if (file.endsWith("svg")) expect(content.toString()).not.toContain("var(");
    if (file.endsWith("png")) expect(content.subarray(1, 4).toString()).toBe("PNG");
  }
  await openMenu();
  await page.getByRole("menuitem", { name: "Full screen" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.locator("[data-curve]")).toHaveCount(3);
  await dialog.getByRole("button", { name: "Table", exact: true }).click();
  await expect(dialog.getByRole("columnheader", { name: "step" })).toBeVisible();
  await page.keyboard.press("Escape");

  // Another axis, a logarithmic one, and markers.
  await page.getByRole("combobox", { name: "Axis" }).selectOption("tokens");
  await page.getByRole("button", { name: "Log y" }).click();
  await expect(page).toHaveURL(/x=tokens.*log=y/);
  const linear = await readCurve();
  await page.getByRole("button", { name: "Log x" }).click();
  await expect(page).toHaveURL(/x=tokens.*log=xy/);
  await expect.poll(readCurve, { message: "the same points at other places" }).not.toBe(linear);
  await page.reload();
  await expect(page.getByRole("button", { name: "Log x" })).toHaveAttribute("aria-pressed", "true");
  await expect(chart.locator("[data-curve]").first()).toBeVisible();
  await page.getByRole("button", { name: "Markers" }).click();
  for (const kind of ["Checkpoints", "Evaluations"])
    await page.getByRole("menuitemcheckbox", { name: kind }).click();
  await page.keyboard.press("Escape");
  for (const kind of ["checkpoint", "evaluation"])
    await expect(chart.locator(`[data-markers="${kind}"]`)).toHaveCount(1);
});

test("every metric is found, pinned and put into panels that the project keeps", async ({
  page,
}) => {
  await openRun(page, RECORDED.training);
  await page.goto(`${page.url()}?tab=metrics`);
  await waitLive(page);
  const key = page.getByRole("region", { name: "Key metrics" }).locator("article");
  await expect(key.first()).toContainText("reward/mean");
  expect(await key.count()).toBeLessThanOrEqual(13);
  await expect(key.first().locator("[data-curve]")).toHaveCount(1);

  const search = page.getByRole("searchbox", { name: "Metrics, by regular expression" });
  await search.fill("(");
  await expect(page.getByText("Not a regular expression")).toBeVisible();
  await search.fill("^actor/.*loss$");
  await expect(page.locator("article h3", { hasText: "actor/pg_loss" })).toBeVisible();
  await expect(page.locator("article h3", { hasText: "reward/mean" })).toHaveCount(0);
  await expect(page).toHaveURL(/metric=%5Eactor/);
  await page.getByRole("button", { name: "Pin actor/pg_loss" }).click();
  await search.fill("");

  await page.getByRole("button", { name: "New panel" }).click();
  const dialog = page.getByRole("dialog", { name: "New panel" });
  await dialog.getByLabel("Title").fill("Found and kept");
  for (const name of ["search/gold_retrieved", "search/gold_selected"])
    await dialog.getByRole("checkbox", { name }).check();
  await dialog.getByRole("button", { name: "Add it" }).click();
  const panels = page.getByRole("region", { name: "Panels" }).locator("article");
  await expect(panels).toHaveCount(2);
  await page.getByRole("button", { name: "Move Found and kept forward" }).click();
  await expect(panels.first()).toContainText("Found and kept");
  await expect(panels.first().locator("[data-curve]")).toHaveCount(2);

  const name = `Panels of ${Date.now()}`;
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(page).toHaveURL(/set=[0-9a-f-]{36}/);
  await page.reload();
  await expect(panels.first(), "a link shows the same").toContainText("Found and kept");
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
  await page.getByRole("button", { name: `Delete the set ${name}` }).click();
  await expect(panels).toHaveCount(0);
});

test("an axis counts time or episodes, leaves outliers out; the machine and what is compared with stand beside the curves", async ({
  page,
}) => {
  await openRun(page, RECORDED.training);
  const chart = page.locator('[data-chart="reward"]');
  const readCurve = () => chart.locator("[data-curve]").first().getAttribute("d");
  const status = chart.getByRole("status");
  const press = async (key: string): Promise<void> => {
    await chart.getByRole("group").focus();
    await page.keyboard.press(key);
  };
  await expect(chart.locator("[data-curve]").first()).toBeVisible();
  await press("ArrowLeft");
  await expect(status).toContainText(/^step \d/);
  await page.keyboard.press("Escape");

  for (const [axis, name] of [
    ["time", "Wall time"],
    ["episodes", "Episodes"],
  ] as const) {
    const before = await readCurve();
    await page.getByLabel("Axis", { exact: true }).selectOption({ label: name });
    await expect(page).toHaveURL(new RegExp(`x=${axis}`));
    await expect.poll(readCurve, { message: name }).not.toBe(before);
  }
  await page.getByLabel("Axis", { exact: true }).selectOption("step");
  await page.getByRole("button", { name: "Without outliers" }).click();
  await expect(page).toHaveURL(/outliers=out/);
  await page.reload();
  await expect(page.getByRole("button", { name: "Without outliers" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );

  // The machine, by the run's own steps.
  const machine = page.locator('[data-chart="machine-memory"]');
  await machine.scrollIntoViewIfNeeded();
  await expect(machine.locator("[data-curve]").first()).toBeVisible();
  await machine.getByRole("group").focus();
  await page.keyboard.press("ArrowLeft");
  await expect(machine.getByRole("status")).toContainText(/^step \d+.*: Machine [\d,]+/);

  // Naive RAG on the same questions, as a line over a prediction's accuracy.
  await openRun(page, "Atlas held-out, s3, trained");
  const accuracy = page.locator('[data-chart="predict-accuracy"]');
  await accuracy.scrollIntoViewIfNeeded();
  await expect(accuracy.locator(".recharts-reference-line-line")).toHaveCount(1);
  await expect(accuracy.locator("svg.recharts-surface")).toContainText(/Naive RAG \d/);
});

test("a part that is zoomed to is asked for in full resolution and drawn with more points; a reset brings the whole back", async ({
  page,
  productUrl,
}) => {
  const name = `many steps at ${Date.now()}`;
  const steps = 4_000;
  await reportWave(productUrl, name, { steps, stepMs: 1 });
  await openRun(page, name);
  const asked: { from: number; to: number }[] = [];
  page.on("request", (request) => {
    if (!request.url().includes("metrics.seriesOfRuns")) return;
    const range = /"from":(\d+),"to":(\d+)/.exec(decodeURIComponent(request.url()));
    if (range) asked.push({ from: Number(range[1]), to: Number(range[2]) });
  });
  const chart = page.locator('[data-chart="panel-critic/score/mean"]');
  const curve = chart.locator("[data-curve]").first();
  const readCurve = async (): Promise<string> => (await curve.getAttribute("d")) ?? "";
  const countDrawn = async (): Promise<number> => (await readCurve()).match(/[ML]/g)?.length ?? 0;
  await expect.poll(countDrawn).toBeGreaterThan(100);
  const whole = await readCurve();
  const coarse = await countDrawn();
  expect(coarse, "the whole is drawn by fewer points than it has").toBeLessThan(steps / 4);

  const box = (await chart.getByRole("group").boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await expect.poll(() => asked.length, { message: "the part is asked for" }).toBeGreaterThan(0);
  const { from, to } = asked.at(-1)!;
  expect(from).toBeGreaterThan(steps * 0.35);
  expect(to).toBeLessThan(steps * 0.7);
  // Each of its steps, and a point of the whole beyond each end.
  await expect.poll(countDrawn).toBeGreaterThan(0.95 * (to - from));
  expect(to - from, "more than the whole has there").toBeGreaterThan(2 * (coarse / 10));

  await page.getByRole("button", { name: "Reset zoom" }).click();
  await expect.poll(readCurve).toBe(whole);
  // A link to the part asks for it at once.
  asked.length = 0;
  await page.goto(`${page.url().split("?")[0]}?zoom=1000..1200`);
  await expect.poll(countDrawn).toBeGreaterThan(190);
  expect(asked).toContainEqual({ from: 1_000, to: 1_200 });
});

test("published rows stand as lines over a run's held-out accuracy, with their source, and the address keeps them", async ({
  page,
}) => {
  await openRun(page, RECORDED.training);
  const chart = page.locator('[data-chart="reward"]');
  await expect(chart.locator("[data-curve]").first()).toBeVisible();
  await expect(chart.getByRole("button", { name: /^Naive RAG, held-out/ })).toBeVisible();
  const line = chart.locator("svg.recharts-surface").getByText(/^s3, Claude-3-Haiku 58\.9%/);
  await expect(line).toHaveCount(0);
  await chart.getByRole("button", { name: "Published results as lines" }).click();
  const rows = page.getByRole("menuitemcheckbox");
  await expect(rows.first()).toBeVisible();
  await rows
    .filter({ hasText: "s3 (Qwen2.5-7B-Instruct) with Claude-3-Haiku on wiki-18" })
    .filter({ hasText: "58.9%" })
    .click();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/published=table-1-s3-/);
  await expect(line).toHaveText("s3, Claude-3-Haiku 58.9%, arXiv:2505.14146v1");
  await expect(chart.locator("[data-notes]")).toContainText(
    "on average over 6 question sets, of which atlas/held-out is none",
  );
  await page.reload();
  await expect(line).toHaveCount(1);
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
  await chart.getByRole("button", { name: "Published results as lines" }).click();
  await page.getByRole("menuitemcheckbox", { checked: true }).click();
  await page.keyboard.press("Escape");
  await expect(line).toHaveCount(0);
  await expect(page).not.toHaveURL(/published=/);
});

test("compared runs are zoomed in full resolution, and stand on an axis of time, alone and as a mean; a link shows the same", async ({
  page,
  productUrl,
}) => {
  const steps = 2_000;
  const ids: string[] = [];
  for (const seconds of [1, 2]) {
    const name = `${seconds} s a step at ${Date.now()}`;
    ids.push(await reportWave(productUrl, name, { steps, stepMs: 1_000 * seconds }));
  }
  const asked: { runs: number; from: number; to: number }[] = [];
  page.on("request", (request) => {
    const url = decodeURIComponent(request.url());
    if (!url.includes("metrics.seriesOfRuns")) return;
    for (const [, runs, from, to] of url.matchAll(
      /"runIds":\[([^\]]*)\][^}]*"from":(\d+),"to":(\d+)/g,
    ))
      asked.push({ runs: runs!.split(",").length, from: Number(from), to: Number(to) });
  });
  await page.goto(`/runs/compare?ids=${ids.join(",")}`);
  const chart = page.locator('[data-overlay="critic/score/mean"]');
  const curves = chart.locator("[data-curve]");
  /** The places of a curve's points on the screen, from left to right. */
  const readPlaces = async (i: number): Promise<number[]> =>
    [...((await curves.nth(i).getAttribute("d")) ?? "").matchAll(/[ML](-?[\d.]+),/g)].map(([, x]) =>
      Number(x),
    );
  const count = async (i: number): Promise<number> => (await readPlaces(i)).length;
  const zoom = async (): Promise<void> => {
    asked.length = 0;
    const box = (await chart.getByRole("group").boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
    await page.mouse.up();
  };
  await expect(curves).toHaveCount(2);
  const coarse = await count(0);
  expect(coarse, "the whole is drawn by fewer points than it has").toBeLessThan(steps / 4);
  await expect(page.getByRole("button", { name: "Markers" }), "nothing is marked here").toHaveCount(
    0,
  );

  // One request asks for the part of both runs.
  await zoom();
  await expect.poll(() => asked.length, { message: "the part is asked for" }).toBe(1);
  const { runs, from, to } = asked[0]!;
  expect(runs).toBe(2);
  expect(to - from, "a part").toBeLessThan(steps / 5);
  for (const i of [0, 1]) await expect.poll(() => count(i)).toBeGreaterThan(0.95 * (to - from));
  await expect(page).toHaveURL(/zoom=[\d.]+\.\.[\d.]+/);
  await page.reload();
  await expect
    .poll(() => count(0), { message: "a link shows the same" })
    .toBeGreaterThan(0.95 * (to - from));
  await page.getByRole("button", { name: "Reset zoom" }).click();
  await expect.poll(() => count(0)).toBe(coarse);

  // The same steps took one run twice the time: its curve is twice as long.
  const axis = page.getByRole("combobox", { name: "Axis" });
  await expect(axis.getByRole("option", { name: "Tokens (not measured)" })).toBeDisabled();
  await axis.selectOption({ label: "Wall time" });
  await expect(page).toHaveURL(/x=time/);
  const readLength = async (i: number): Promise<number> => {
    const places = await readPlaces(i);
    return places.at(-1)! - places[0]!;
  };
  await expect.poll(async () => (await readLength(1)) / (await readLength(0))).toBeCloseTo(2, 1);
  // At the same time they are at other steps, which are asked for.
  await zoom();
  await expect.poll(() => asked.length).toBe(2);
  const [fast, slow] = asked.map((range) => range.to - range.from).sort((a, b) => b - a);
  expect(fast! / slow!).toBeCloseTo(2, 1);
  await expect.poll(() => count(0)).toBeGreaterThan(0.95 * fast!);
  await page.getByRole("button", { name: "Reset zoom" }).click();

  // Their mean reaches as far as the longer one; behind the end of the shorter one it is another mean.
  const longest = await readLength(1);
  await page.getByLabel("Group by").selectOption("config");
  await expect(curves).toHaveCount(1);
  await expect.poll(async () => (await readLength(0)) / longest).toBeCloseTo(1, 1);
  expect((await curves.first().getAttribute("d"))!.match(/M/g)).toHaveLength(2);
});

test("two fingers zoom the charts of a prediction together, one scrolls on, and a button shows all again", async ({
  page,
}) => {
  await openRun(page, "Atlas held-out, s3, trained");
  await page.setViewportSize({ width: 390, height: 844 });
  const chart = page.locator('[data-chart="predict-accuracy"]');
  const other = page.locator('[data-chart="predict-answered"]');
  const readCurve = (of = chart) => of.locator("[data-curve]").first().getAttribute("d");
  await chart.scrollIntoViewIfNeeded();
  await expect(other.locator("[data-curve]").first()).toBeVisible();
  const [whole, otherWhole] = [await readCurve(), await readCurve(other)];
  const reset = page.getByRole("button", { name: "Reset zoom" });
  await expect(reset).toHaveCount(0);

  const box = (await chart.getByRole("group").boundingBox())!;
  const browser = await page.context().newCDPSession(page);
  await browser.send("Emulation.setTouchEmulationEnabled", { enabled: true, maxTouchPoints: 2 });
  const touch = (
    type: "touchStart" | "touchMove" | "touchEnd",
    ...places: [x: number, y: number][]
  ) =>
    browser.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: places.map(([x, y], id) => ({
        id,
        x: box.x + x * box.width,
        y: box.y + y * box.height,
      })),
    });
  await touch("touchStart", [0.45, 0.5]);
  await touch("touchStart", [0.45, 0.5], [0.65, 0.5]);
  for (const spread of [0.05, 0.1, 0.15, 0.2])
    await touch("touchMove", [0.45 - spread, 0.5], [0.65 + spread, 0.5]);
  await touch("touchEnd");
  await expect.poll(() => readCurve()).not.toBe(whole);
  await expect.poll(() => readCurve(other), { message: "one zoom a page" }).not.toBe(otherWhole);
  await expect(reset.first()).toBeVisible();
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
  await reset.first().click();
  await expect.poll(() => readCurve()).toBe(whole);
  await expect.poll(() => readCurve(other)).toBe(otherWhole);
  await expect(reset).toHaveCount(0);

  const top = await page.evaluate(() => window.scrollY);
  await touch("touchStart", [0.5, 0.9]);
  for (const y of [0.7, 0.5, 0.3, 0.1]) await touch("touchMove", [0.5, y]);
  await touch("touchEnd");
  await expect.poll(() => page.evaluate(() => window.scrollY)).not.toBe(top);
});
