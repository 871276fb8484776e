import type { Page } from "@playwright/test";
import { expectAnswerers, findColumn, openRunDialog, watchColumns } from "./support/ask";
import { expect, countPoints, test, waitLive } from "./support/product";

/**
 * Minutes on two slow cores, several times as many beside another product and an engine: corpus encoded, model loaded, cold
 * start, two steps, evaluations, one resume, a branch.
 */
const TRAINING_MS = 1_800_000;
/** What one part of it may take. */
const PART_MS = 600_000;

/** Asks untrained methods and a checkpoint of the training the same question, and sees each search before it answers. */
async function askFour(page: Page): Promise<void> {
  await page.goto("/playground/ask");
  await waitLive(page);
  await page.getByRole("button", { name: "Add who answers" }).click();
  await page.getByRole("menuitem", { name: "Direct, untrained" }).click();
  const dialog = await openRunDialog(page, "From the form");
  const runs = dialog.getByRole("combobox", { name: "Run" });
  const run = runs.locator("option", { hasText: /^From the form \(/ });
  await runs.selectOption(await run.getAttribute("value"));
  const checkpoints = dialog.getByRole("combobox", { name: "Checkpoint" });
  await checkpoints.selectOption({ label: "step 1" });
  const checkpoint = await checkpoints.inputValue();
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  const searching = ["s3, untrained", "From the form, step 1"];
  const titles = [searching[0]!, "RAG", "Direct, untrained", searching[1]!];
  await expectAnswerers(page, titles);

  await page.getByLabel("Question", { exact: true }).fill("What is the capital of Peru?");
  await page.getByLabel(/Expected answer/).fill("Lima");
  const readShown = await watchColumns(page);
  await Promise.all([
    page.waitForRequest(
      (request) => request.postData()?.includes(`"checkpoint":"${checkpoint}"`) ?? false,
    ),
    page.getByRole("button", { name: "Ask", exact: true }).click(),
  ]);
  for (const title of titles)
    await expect(findColumn(page, title).getByTestId("played-answer")).toContainText(/span\/\d/, {
      timeout: PART_MS,
    });
  const shown = await readShown();
  for (const title of searching)
    expect(shown[title], `${title}: turn by turn as it comes`).toEqual(["turns", "answer"]);
}

test("a training by PPO is launched from the form, followed live, cancelled, resumed and read", async ({
  page,
}) => {
  test.setTimeout(TRAINING_MS);
  await page.goto("/runs/new?preset=atlas-smollm2-grpo");
  await waitLive(page);
  const set = (path: string, value: string) =>
    page.locator(`[id="setting-${path}"]`).fill(value, { timeout: 30_000 });
  await set("name", "From the form");
  await set("coldStart.demonstrations", "16");
  await set("coldStart.validationQuestions", "2");
  await set("search.retrieve", "4");
  // Of groups, which PPO has not: at its default its field would go with the choice of PPO.
  await set("rl.resample", "0");
  await page.locator('[id="setting-rl.algorithm"]').selectOption("ppo");
  await set("rl.steps", "2");
  await set("rl.questionsPerStep", "2");
  await set("evaluation.questions", "4");
  await set("checkpointing.every", "1");
  await page.getByRole("button", { name: "Launch", exact: true }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
  const runUrl = page.url();

  // From here on the page is never loaded again: a marker would be lost with a reload.
  await page.evaluate(() => Object.assign(window, { notReloaded: true }));
  const state = page.locator("main header [data-run-state]").first();
  await expect(page.locator("[data-preflight]").first()).toBeVisible({ timeout: PART_MS });
  await expect(state).toHaveAttribute("data-run-state", "running", { timeout: PART_MS });
  await expect
    .poll(() => countPoints(page, "cold-start"), {
      timeout: PART_MS,
      message: "points of the cold start arrive by themselves",
    })
    .toBeGreaterThan(0);
  await expect
    .poll(() => countPoints(page, "reward"), {
      timeout: PART_MS,
      message: "the first point of the reward chart arrives by itself",
    })
    .toBeGreaterThan(0);

  // Cancelled in the middle, resumed from the last checkpoint.
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Cancel the run" }).click();
  await expect(state).toHaveAttribute("data-run-state", "cancelled", { timeout: PART_MS });
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await expect(state).toHaveAttribute("data-run-state", "succeeded", { timeout: PART_MS });
  expect(await page.evaluate(() => "notReloaded" in window)).toBe(true);
  await expect
    .poll(() => countPoints(page, "length"), {
      message: "one point for each step of mean and longest, none doubled by the resume",
    })
    .toBe(4);
  expect(await countPoints(page, "quadrants")).toBeGreaterThan(0);
  expect(await countPoints(page, "values"), "the critic's values and returns, two steps each").toBe(
    4,
  );
  expect(await countPoints(page, "value-loss")).toBe(4);

  await page.getByRole("tab", { name: "history" }).click();
  await expect(page.getByRole("region", { name: "Attempts" })).toContainText("Attempt 2");
  await page.getByRole("tab", { name: "checkpoints" }).click();
  await expect(page.locator("[data-checkpoint]").first()).toContainText(
    "Predict with this checkpoint",
  );
  await page.getByRole("tab", { name: "logs" }).click();
  await expect(page.getByRole("log")).toBeVisible();

  // A branch: the form opens with the checkpoint, its whole state, and no cold start.
  await page.getByRole("tab", { name: "checkpoints" }).click();
  const checkpoint = page.locator("[data-checkpoint]").first();
  const checkpointId = (await checkpoint.getAttribute("data-checkpoint")) ?? "";
  await checkpoint.getByRole("link", { name: "Predict with this checkpoint" }).click();
  await expect(page.locator('[id="setting-searcher.checkpoint"]')).toHaveValue(checkpointId);
  await expect(page.getByText("Step 2 of From the form")).toBeVisible();
  await page.goto(`${runUrl}?tab=checkpoints`);
  await checkpoint.getByRole("link", { name: "Branch" }).click();
  await expect(page.locator('[id="setting-searcher.checkpoint"]')).toHaveValue(checkpointId);
  await expect(page.locator('[id="setting-coldStart.demonstrations"]')).toHaveValue("0");
  await expect(page.locator('[id="setting-name"]')).toHaveValue("From the form, branch of step 2");
  await set("rl.steps", "1");
  await set("evaluation.questions", "0");
  await page.getByRole("button", { name: "Launch", exact: true }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
  await expect(state).toHaveAttribute("data-run-state", "succeeded", { timeout: PART_MS });
  await expect
    .poll(() => countPoints(page, "length"), { message: "the branch's step stands on its charts" })
    .toBe(2);
  await page.goto(runUrl);

  // An episode, turn by turn.
  await page.getByRole("tab", { name: "episodes" }).click();
  await page.getByLabel("Phase", { exact: true }).selectOption("train");
  await page.getByRole("button", { name: "Ranges" }).click();
  await page.getByRole("textbox", { name: "step" }).fill("2");
  await page.keyboard.press("Enter");
  const rows = page.locator("[data-episode]:visible");
  await expect(rows).toHaveCount(8);
  const searches = Number(await rows.first().getByRole("cell").nth(6).innerText());
  await rows.first().getByRole("link").click();
  await expect(page).toHaveURL(/\/episodes\/[0-9a-f-]{36}/);
  const first = page.locator('[data-turn="0"]');
  await expect(first.locator("[data-document]")).toHaveCount(4);
  await expect(first).toContainText(/gold retrieved/);
  await expect(page.locator("[data-turn]")).toHaveCount(searches + 1);
  await expect(page.getByRole("region", { name: "Outcome" })).toContainText("naive RAG");
  await expect(page.getByTestId("reward")).toContainText("=");
  await expect(
    page.getByRole("navigation", { name: /Samples of this question/ }).getByRole("link"),
  ).toHaveCount(4);

  const permalink = page.url();
  await page.keyboard.press("j");
  await expect(page).not.toHaveURL(permalink);
  const second = new URL(page.url()).pathname.split("/").at(-1);
  await expect(page.locator(`[data-episode-id="${second}"][aria-busy=false]`)).toBeVisible();
  await page.getByRole("link", { name: "Previous episode" }).waitFor();
  await page.keyboard.press("k");
  await expect(page).toHaveURL(permalink);

  await page.getByRole("tab", { name: "Raw text and tokens" }).click();
  await expect(page.getByTestId("tokens").first()).toContainText(/[a-z]{3}/i);
  await expect(page.getByText("Only ids")).toHaveCount(0);

  // What if another checkpoint had searched: its weights are here.
  await page.goto(`${permalink.split("?")[0]}?view=what-if&turn=0`);
  const searcher = page.getByLabel("Searcher");
  await searcher.selectOption({ label: "checkpoint of step 1" });
  await page.getByLabel("How").selectOption("again");
  const [request] = await Promise.all([
    page.waitForRequest(/tasks\.create/),
    page.getByRole("button", { name: "Play from here" }).click(),
  ]);
  expect(request.postData()).toContain(`"checkpoint":"${await searcher.inputValue()}"`);
  await expect(page.getByTestId("what-if").getByTestId("played-answer")).toContainText(/reward/, {
    timeout: PART_MS,
  });

  await test.step("four answer a question side by side, a checkpoint of the run among them", () =>
    askFour(page));

  // One held-out question across the evaluations of the run, side by side.
  await page.goto(`/compare?train=${runUrl.split("/").at(-1)}`);
  const evaluations = page.locator("[data-checkpoint-step]");
  await expect.poll(() => evaluations.count()).toBeGreaterThan(1);
  await expect(page.locator("[data-side-by-side] [data-turn='0']")).toHaveCount(2);
  await expect(page.locator("[data-side-by-side]")).toContainText("step 2");

  // On the leaderboard s3 searches with a checkpoint of it.
  await page.goto("/leaderboard");
  const launching = page.getByLabel("s3 searches with");
  const option = launching.locator("option", { hasText: "From the form, step 2" }).first();
  await launching.selectOption(await option.getAttribute("value"));
  for (const method of ["RAG", "IRCoT"])
    await page.getByRole("checkbox", { name: new RegExp(`^${method}`) }).uncheck();
  await page.getByLabel("First questions only").fill("2");
  const [launched] = await Promise.all([
    page.waitForRequest(/leaderboard\.launch/),
    page.getByRole("button", { name: "Launch 1 method" }).click(),
  ]);
  expect(launched.postData()).toContain(`"checkpoint":"${await launching.inputValue()}"`);
  await expect(page.locator("[data-active]")).toHaveAttribute("data-active", "1");
  await expect(page.locator("tr[data-method]")).toContainText(["step 2"], { timeout: PART_MS });

  // The list shows it with its sparkline, and its row leads back.
  await page.goto("/runs");
  const row = page.locator(`tr[data-run="${runUrl.split("/").at(-1)}"]`);
  await expect(row).toContainText("succeeded");
  await row.getByRole("link", { name: "From the form" }).click();
  await expect(page).toHaveURL(runUrl);
});
