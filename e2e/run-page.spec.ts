import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { Locator, Page, WebSocketRoute } from "@playwright/test";
import { connect } from "@/cli/lib/client";
import { findPreset } from "@/core/presets/run-presets";
import { TestWorker } from "@/server/testing/test-worker";
import { measureShift } from "./support/layout-shift";
import { expect, expectAccessible, openRun, RECORDED, test, waitLive } from "./support/product";
import { launchReportedRun } from "./support/reported-run";

test("a run says whether it learns, its log is searched, its settings are compared, its report opens without a server", async ({
  page,
}, testInfo) => {
  await openRun(page, RECORDED.collapsed);
  await expect(page.locator("[data-learning]")).toContainText("Groups without variance since step");
  await expect(page.locator("[data-learning=learns]")).toHaveCount(0);

  await openRun(page, RECORDED.training);
  const claim = page.locator("[data-learning]");
  await expect(claim).toContainText(/held-out over its start, 95% .+ to .+, \d+ questions/);
  await expect(page.locator("[data-run-progress]")).toContainText(/Step (\d+) of \1/);
  await expect(page.getByTestId("spent")).toContainText(
    /So far [1-9]\d* episodes, [1-9][\d,]* action tokens and .+ since the first point/,
  );

  await page.getByRole("tab", { name: "logs" }).click();
  const log = page.getByRole("log");
  await expect(log).toContainText("cold start");
  await page.getByLabel("Lines that contain").fill("HELD-OUT AFTER");
  await expect(log).not.toContainText("cold start");
  await expect(log).toContainText("held-out after step");
  await expect(page).toHaveURL(/line=HELD-OUT\+AFTER/);
  await page.reload();
  await expect(log, "a link shows the same lines").toContainText("held-out after step");
  await expect(log).not.toContainText("cold start");
  await page.getByLabel("Level").selectOption("error");
  await expect(page).toHaveURL(/level=error/);
  await expect(page.getByText("No line contains this")).toBeVisible();
  await page.getByLabel("Level").selectOption("info");
  await page.getByLabel("Lines that contain").fill("");
  await expect(log).toContainText("cold start");
  await expect(page.getByRole("button", { name: "Following" })).toBeDisabled();

  await page.getByRole("tab", { name: "configuration" }).click();
  await page.getByLabel("Compare with").selectOption("preset:atlas-smollm2-grpo");
  const difference = page.locator("[data-configuration-difference]");
  await expect(difference.getByRole("row", { name: /rl\.algorithm/ })).toContainText("ppo");
  await page.getByRole("button", { name: "What is rl.algorithm?" }).click();
  const help = page.getByRole("dialog", { name: "rl.algorithm" });
  await expect(help).toContainText("default");
  await page.keyboard.press("Escape");
  await expectAccessible(page);

  await test.step("a setting's help leads to its place in the documentation, and back", async () => {
    await page.getByRole("button", { name: "What is rl.algorithm?" }).click();
    await help.getByRole("link", { name: "Among all settings" }).click();
    await expect(page).toHaveURL(/\/glossary\/settings#rl\.algorithm$/);
    const place = page.locator('[id="rl.algorithm"]');
    await expect(place).toBeInViewport();
    await expect(place, "what may be chosen, and the paper's value").toContainText(
      /ppo, grpo.*paper ppo/,
    );
    await expectAccessible(page);
    await page.goBack();
    await expect(difference.getByRole("row", { name: /rl\.algorithm/ })).toBeVisible();
  });

  await page.getByRole("link", { name: "Report" }).click();
  await expect(page.getByRole("heading", { level: 1, name: RECORDED.training })).toBeVisible();
  await expect(page.locator(".run-report .claim")).toContainText("held-out over its start");
  await expect(page.locator(".run-report svg").first()).toBeVisible();

  await test.step("on paper it stands alone, and nothing of it is cut", async () => {
    const window = page.viewportSize()!;
    await page.emulateMedia({ media: "print" });
    // A4 at 96 dots an inch, less the margins.
    await page.setViewportSize({ width: 718, height: 1000 });
    await expect(page.locator("aside")).toBeHidden();
    await expect(page.getByRole("button", { name: "Print" })).toBeHidden();
    const cut = await page.locator(".run-report").evaluate((report) => {
      const faults: string[] = [];
      const paper = document.documentElement.clientWidth;
      for (const each of report.querySelectorAll("*"))
        if (each.getBoundingClientRect().right > paper + 1) faults.push(`wide: ${each.outerHTML}`);
      for (let box = report.parentElement; box; box = box.parentElement)
        if (
          getComputedStyle(box).overflowY !== "visible" &&
          box.scrollHeight > box.clientHeight + 1
        )
          if (box !== document.documentElement && box !== document.body)
            faults.push(`cut: ${box.className}`);
      return faults;
    });
    expect(cut).toEqual([]);
    await page.emulateMedia({ media: null });
    await page.setViewportSize(window);
  });

  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save as one file" }).click();
  const path = testInfo.outputPath("report.html");
  await (await saving).saveAs(path);
  const html = await readFile(path, "utf8");
  expect(html).not.toMatch(/src=|href=/);
  await page.goto(pathToFileURL(path).href);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(RECORDED.training);
  await expect(page.getByText("Held-out accuracy").first()).toBeVisible();
  await expect(page.locator("svg path").first()).toBeVisible();
});

test("while the server is away a run's page keeps what it shows, says so, and heals itself", async ({
  page,
  productAddress,
}, { retry }) => {
  const open = new Set<WebSocketRoute>();
  let isAway = false;
  await page.routeWebSocket(/\/trpc-ws/, (socket) => {
    // Not at once: a routed socket that is closed before it opens tells the page of no error.
    if (isAway) return void setTimeout(() => void socket.close(), 200);
    socket.connectToServer();
    open.add(socket);
  });
  await page.route(/\/trpc\//, (route) => (isAway ? route.abort() : route.continue()));
  await openRun(page, RECORDED.training);
  const id = new URL(page.url()).pathname.split("/").at(-1)!;
  const chart = page.locator('[data-chart="reward"] [data-curve]').first();
  await expect(chart).toBeVisible();

  isAway = true;
  for (const socket of open) await socket.close();
  await expect(page.locator("[data-away]")).toContainText("The server does not answer");
  await expect(chart).toBeVisible();
  await expect(page.locator("[data-learning]")).toContainText("held-out over its start");

  const { client, close } = connect(productAddress);
  try {
    const notes = `Written while it was away, ${retry}`;
    await client.runs.update.mutate({ ids: [id], notes });
    isAway = false;
    await expect(page.locator("[data-away]")).toHaveCount(0);
    await expect(page.locator("[data-run-notes]")).toContainText(notes);
    await expect(page.locator("main").getByRole("alert")).toHaveCount(0);
  } finally {
    await client.runs.update.mutate({ ids: [id], notes: "" });
    close();
  }
});

test("name, tags and notes are written on the run's page", async ({ page }) => {
  await openRun(page, "Cancelled");
  const edit = page.getByRole("button", { name: "Name, tags, notes" });
  const write = async (name: string, tags: string, notes: string): Promise<void> => {
    await edit.click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill(name);
    await dialog.getByLabel("Tags").fill(tags);
    await dialog.getByLabel("Notes").fill(notes);
    await dialog.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
  };
  await write("Given up", "odd, early", "It was too slow.");
  await expect(page.locator("[data-run-notes]")).toContainText(/early.*odd.*It was too slow\./);
  await write("Cancelled", "", "");
  await expect(page.locator("[data-run-notes]")).not.toContainText("odd");
});

interface Place {
  x: number;
  y: number;
}

/** Clicks an element in its middle. @returns where that is */
async function pressAt(page: Page, element: Locator): Promise<Place> {
  await expect(element).toBeVisible();
  await element.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await element.boundingBox())!;
  const place = { x: x + width / 2, y: y + height / 2 };
  await page.mouse.click(place.x, place.y);
  return place;
}

/** What a click at a place would press, by its text; null: nothing. */
const readPressable = (page: Page, place: Place): Promise<string | null> =>
  page.evaluate(({ x, y }) => {
    const pressable = document.elementFromPoint(x, y)?.closest("a, button, input, [role=menuitem]");
    return pressable ? (pressable.textContent ?? "") : null;
  }, place);

test("a run is prepared, followed, changed, paused and cancelled without a jump or a second question", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const { client, close } = connect(productAddress);
  const model = `model-of-${randomUUID()}`;
  let worker: TestWorker | undefined;
  try {
    const { searcher, generator, ...config } = findPreset("atlas-smollm2-grpo")?.config as {
      kind: "train";
      searcher: object;
      generator: object;
    };
    const { id } = await client.runs.launch.mutate({
      config: {
        ...config,
        name: "Watched from its first minute",
        rl: { steps: 20 },
        searcher: { ...searcher, model },
        generator: { ...generator, model },
      },
    });
    await page.goto(`/runs/${id}`);
    await waitLive(page);
    const preparation = page.locator("[data-preparation]");
    await expect(preparation).toContainText("Waiting for a worker");
    await expect(page.locator("[data-learning=too-early]")).toBeVisible();

    const { token } = await client.workers.createToken.mutate({
      name: "run page test",
      serverUrl: productUrl,
    });
    worker = await TestWorker.attach({
      url: productUrl,
      token,
      id: randomUUID(),
      name: "run page test",
      models: [model],
      corpora: ["atlas"],
    });
    const { runId, attempt } = await worker.leaseAndStart();
    expect(runId, "this run, and none that another spec left").toBe(id);
    const ref = { runId, attempt };
    worker.keepAlive([ref], 1_000);
    const point = (name: string, step: number, value: number) => ({
      name,
      step,
      value,
      at: Date.now(),
    });
    await worker.request("report", {
      ...ref,
      sequence: 1,
      items: [
        {
          kind: "preflight",
          items: [
            { name: "engine", state: "running", seconds: null, detail: "loading", error: null },
          ],
        },
      ],
    });
    await expect(preparation.locator('[data-preflight="engine"]')).toContainText("loading");
    await worker.request("report", {
      ...ref,
      sequence: 2,
      items: [
        {
          kind: "metrics",
          points: [1, 2, 3].flatMap((step) => [
            point("timing_s/step", step, 10 + step),
            point("reward/mean", step, 0.1),
          ]),
        },
      ],
    });
    const progress = page.locator("[data-run-progress]");
    await expect(progress).toContainText("Step 3 of 20");
    await expect(progress.locator("[data-time-left]")).toContainText(/about .+ left, .+ to .+/);
    await expect(preparation).toHaveCount(0);
    await expect(page.locator('[data-chart="reward"] [data-curve]').first()).toBeAttached();
    expect(await measureShift(page), "from the queue to the first points").toBeLessThan(0.1);

    // The log follows new lines at its end only, and is brought back there.
    await page.getByRole("tab", { name: "logs" }).click();
    const reportLines = (sequence: number, word: string) =>
      worker!.request("report", {
        ...ref,
        sequence,
        items: [
          {
            kind: "logs",
            lines: Array.from({ length: 60 }, (_, i) => ({
              at: Date.now(),
              level: "info" as const,
              source: "train",
              message: `${word} ${i}`,
            })),
          },
        ],
      });
    await reportLines(3, "early line");
    const log = page.getByRole("log");
    await expect(log.getByText("early line 59")).toBeInViewport();
    await expect(page.getByRole("button", { name: "Following" })).toBeDisabled();
    await log.evaluate((box) => box.scrollTo({ top: 0 }));
    const follow = page.getByRole("button", { name: "Follow", exact: true });
    await expect(follow).toBeEnabled();
    await reportLines(4, "late line");
    await expect(log.getByText("late line 59")).toBeAttached();
    await expect(log.getByText("early line 0")).toBeInViewport();
    await follow.click();
    await expect(log.getByText("late line 59")).toBeInViewport();

    for (const steps of [30, 10]) {
      await page.getByRole("button", { name: "Steps", exact: true }).click();
      await page.getByLabel("Steps in total").fill(String(steps));
      await page.getByRole("button", { name: "Change", exact: true }).click();
      await expect(page.getByRole("dialog")).toHaveCount(0);
      await expect(progress).toContainText(`Step 3 of ${steps}`);
      expect((await worker.heartbeat([ref])).steps).toEqual([{ ...ref, steps }]);
    }

    const state = page.locator("main header [data-run-state]").first();
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await page.getByRole("button", { name: "Pause the run" }).click();
    await expect(state).toHaveAttribute("data-run-state", "pausing");
    await worker.request("transition", { ...ref, to: "paused", reason: "Paused on request." });
    await expect(state).toHaveAttribute("data-run-state", "paused");
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await expect(state).not.toHaveAttribute("data-run-state", "paused");
    await expect(page.getByRole("button", { name: "Pause", exact: true })).toBeVisible();
    const cancel = await pressAt(page, page.getByRole("button", { name: "Cancel", exact: true }));
    const confirm = page.getByRole("button", { name: "Cancel the run" });
    await expect(confirm).toBeVisible();
    expect(await readPressable(page, cancel), "a second click would press nothing").toBeNull();
    const confirmed = await pressAt(page, confirm);
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(state).toHaveAttribute("data-run-state", "cancelled");
    for (const place of [cancel, confirmed])
      expect(await readPressable(page, place), "nor would another one there").toBeNull();
    await page.getByRole("tab", { name: "history" }).click();
    const history = page.getByRole("region", { name: "Changes of state" });
    for (const change of ["steps: 20 → 30", "steps: 30 → 10"])
      await expect(history).toContainText(change);
  } finally {
    worker?.disconnect();
    close();
  }
});

test("a run says what its steps cost at endpoints and drew at GPUs, and where a part of it is not known", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const run = await launchReportedRun({ productAddress, productUrl }, "Counted to the cent");
  const { runId, attempt } = run.attempt;
  const reportStep = (step: number, values: Readonly<Record<string, number>>) =>
    run.worker.request("report", {
      runId,
      attempt,
      sequence: step,
      items: [
        {
          kind: "metrics",
          points: Object.entries(values).map(([name, value]) => ({
            name,
            step,
            value,
            at: 1_700_000_000_000 + 1_000 * step,
          })),
        },
      ],
    });
  const measured = {
    "reward/mean": 0.5,
    "timing_s/step": 1,
    "state_tokens/total": 600,
    "response_length/mean": 100,
    "endpoint/calls": 12,
    "system/cpu": 0.5,
  };
  try {
    for (const [step, dollars, wattHours] of [
      [1, 0.25, 30],
      [2, 0.5, 40],
      [3, 0.125, 50],
    ] as const)
      await reportStep(step, {
        ...measured,
        "endpoint/cost_usd": dollars,
        "system/gpu_energy_wh": wattHours,
      });
    await page.goto(`/runs/${runId}`);
    await waitLive(page);
    const spent = page.getByTestId("spent");
    await expect(spent).toContainText(
      "So far 18 episodes, 1,800 action tokens and 2.0 s since the first point",
    );
    const cost = page.locator("[data-spent=cost]");
    const energy = page.locator("[data-spent=energy]");
    await expect(cost).toContainText("; US$0.875 at endpoints");
    await expect(energy).toContainText("; about 120 Wh by the worker's GPUs");

    // A step of which neither is known: the open page says that there was more.
    await reportStep(4, measured);
    await expect(spent).toContainText("So far 24 episodes");
    await expect(cost).toContainText("; at least US$0.875 at endpoints");
    await expect(energy).toContainText("; at least 120 Wh by the worker's GPUs");
    await run.worker.request("transition", { runId, attempt, to: "failed", reason: "seen" });
  } finally {
    run.stop();
  }
});
