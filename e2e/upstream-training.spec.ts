import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "@playwright/test";
import { questionLineSchema } from "@/contracts/formats/corpus-lines";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import { dropFiles } from "./support/drop-files";
import { expect, test, waitLive } from "./support/product";

/** Minutes on two slow cores: corpus encoded, model loaded, a step of two episodes, two questions answered. */
const SPEC_MS = 480_000;
const QUESTIONS = 2;
const WRONG = "none of them";

const trained = readFileSync(join(ATLAS_DIR, "train.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => questionLineSchema.parse(JSON.parse(line)));
/** What upstream's precomputing leaves behind: a third is answered rightly, and is not trained on. */
const ragCache = {
  atlas: Object.fromEntries(
    trained.map(({ question, answers }, i) => [
      question,
      i % 3 === 0
        ? { answer: answers[0]!, score: 1, em_score: 1 }
        : { answer: WRONG, score: 0, em_score: 0 },
    ]),
  ),
};

let folder: string;
test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "s3-upstream-training-"));
  writeFileSync(join(folder, "rag_cache.json"), JSON.stringify(ragCache));
});
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RUN_URL = /\/runs\/[0-9a-f-]{36}$/;
const findSetting = (page: Page, path: string) => page.locator(`[id="setting-${path}"]`);
const fillSettings = async (page: Page, settings: Record<string, string>) => {
  for (const [path, value] of Object.entries(settings)) await findSetting(page, path).fill(value);
};

async function launchAndWait(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Launch", exact: true }).click();
  await expect(page).toHaveURL(RUN_URL);
  const state = page.locator("main header [data-run-state]").first();
  await expect(state).toHaveAttribute("data-run-state", "succeeded", { timeout: 240_000 });
  return page.url();
}

/** Drops files on the leaderboard and imports them for a set of Atlas. @returns the addresses of the runs by part */
async function importFiles(
  page: Page,
  paths: string[],
  questions: string,
): Promise<Record<string, string>> {
  await page.goto("/leaderboard");
  await waitLive(page);
  await dropFiles(page, paths);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Question set").selectOption(questions);
  await dialog.getByLabel("Corpus that was searched").fill("atlas");
  await dialog.getByLabel("Generator that answered").fill("smollm2-135m-instruct");
  const parts = await dialog.locator("[data-part]").count();
  await dialog.getByRole("button", { name: /^Import \d part/ }).click();
  await expect(dialog.locator("[data-part-state=done]")).toHaveCount(parts);
  const rows = await dialog.locator("[data-part]").all();
  const links = await Promise.all(
    rows.map(async (row) => [
      (await row.getAttribute("data-part")) ?? "",
      (await row.getByRole("link").first().getAttribute("href")) ?? "",
    ]),
  );
  return Object.fromEntries(links) as Record<string, string>;
}

/** Saves every file of upstream's that a run's page offers. @returns their contents by path */
async function exportFiles(page: Page, runUrl: string): Promise<Record<string, unknown>> {
  await page.goto(runUrl);
  await page.getByRole("button", { name: "Upstream's files" }).click();
  const saves = page.getByRole("dialog").getByRole("list", { name: "Files" }).getByRole("button");
  await expect(saves.first()).toBeVisible();
  const files: Record<string, unknown> = {};
  for (const save of await saves.all()) {
    const path = ((await save.getAttribute("aria-label")) ?? "").replace(/^Save /, "");
    const download = page.waitForEvent("download");
    await save.click();
    files[path] = JSON.parse(readFileSync(await (await download).path(), "utf8")) as unknown;
  }
  await page.keyboard.press("Escape");
  return files;
}

test(
  "a rag_cache.json is dropped, trained from, its searcher scored as released, exported, and equal when it is imported again",
  { tag: "@long" },
  async ({ page }) => {
    test.setTimeout(SPEC_MS);
    const cached = await importFiles(page, [join(folder, "rag_cache.json")], "atlas/train");
    const [cacheUrl = ""] = Object.values(cached);
    const cacheId = cacheUrl.split("/").at(-1)!;

    // Trained from it: naive RAG is neither retrieved nor answered again.
    await page.goto("/runs/new?preset=atlas-smollm2-grpo");
    await waitLive(page);
    await page
      .locator('[id^="group-"]')
      .filter({ has: findSetting(page, "rl.steps") })
      .getByRole("button", { name: /^\d+ more/ })
      .click();
    await fillSettings(page, {
      name: "From a cache",
      "rl.ragRuns": cacheId,
      "rl.steps": "1",
      "rl.questionsPerStep": "1",
      "rl.groupSize": "2",
      "rl.resample": "0",
      "coldStart.demonstrations": "0",
      "coldStart.validationQuestions": "0",
      "search.retrieve": "4",
      "evaluation.questions": "0",
      "checkpointing.every": "1",
    });
    const trainingUrl = await launchAndWait(page);
    await page.getByRole("tab", { name: "history" }).click();
    await expect(page.locator("main")).toContainText(
      /naive RAG known of \d+ \(100\.0%\) to train on/,
    );
    await page.getByRole("tab", { name: "episodes" }).click();
    await expect(page.locator("[data-episode]:visible")).toHaveCount(2);
    await page.locator("[data-episode]:visible a").first().click();
    await expect(page.getByRole("region", { name: "Outcome" })).toContainText(WRONG);

    // Its checkpoint answers held-out questions, which the released scorer scores: span, else its judge.
    await page.goto(trainingUrl);
    await page.getByRole("tab", { name: "checkpoints" }).click();
    await page.getByRole("link", { name: "Predict with this checkpoint" }).first().click();
    await expect(findSetting(page, "searcher.checkpoint")).not.toHaveValue("");
    await findSetting(page, "scorer").selectOption("generation-accuracy/upstream");
    await fillSettings(page, { name: "As released", limit: `${QUESTIONS}` });
    const predictUrl = await launchAndWait(page);
    await expect(page.locator("main")).toContainText("generation-accuracy/upstream-1");

    const exported = await exportFiles(page, predictUrl);
    const sequences = "atlas_held-out_output_sequences.json";
    expect(Object.keys(exported)).toEqual(
      expect.arrayContaining([sequences, "results/s3.json", "results/s3_stats.json"]),
    );
    expect(Object.keys(exported[sequences] as object)).toHaveLength(QUESTIONS);
    const out = join(folder, "out");
    for (const [path, content] of Object.entries(exported)) {
      mkdirSync(dirname(join(out, path)), { recursive: true });
      writeFileSync(join(out, path), JSON.stringify(content));
    }

    // The way back: answers, scores, contexts, queries and windows are what they were.
    const back = await importFiles(page, [out], "atlas/held-out");
    const again = await exportFiles(page, back["out/results/s3"]!);
    for (const path of [sequences, "results/s3.json"])
      expect(again[path], path).toEqual(exported[path]);
    // The statistics' total is the set's: only the run here knew that it was asked two of its questions.
    const getCounts = (files: Record<string, unknown>) =>
      (files["results/s3_stats.json"] as { data_source_stats: object }).data_source_stats;
    expect(getCounts(again)).toEqual(getCounts(exported));
    await page.keyboard.press("Escape");
    await expect(page.locator("main header [data-imported]")).toBeVisible();
  },
);
