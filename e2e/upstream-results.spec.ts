import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { formatDocuments } from "@/contracts/formats/upstream/documents";
import { dropFiles } from "./support/drop-files";
import { expect, measureOverflow, test, waitLive } from "./support/product";

const documents = formatDocuments([
  { title: "Lighthouse (tower)", text: "The lighthouse was built in 1911." },
  { title: "Harbour", text: "The harbour lies in the north." },
]);
const asked = Array.from({ length: 6 }, (_, i) => `When was lighthouse number ${i} built?`);
const table = <T>(value: (i: number) => T) =>
  Object.fromEntries(asked.map((question, i) => [question, value(i)]));
const golden_answers = ["1911"];
/** Upstream appends a question mark to the questions of its results. */
const results = (right: number) => ({
  beacons: Object.fromEntries(
    asked.map((question, i) => [
      `${question}?`,
      { answer: i < right ? "In 1911." : "nobody knows", score: i < right ? 1 : 0, em_score: 0 },
    ]),
  ),
});
const rollout = (step: number) =>
  asked
    .map((question, i) =>
      JSON.stringify({
        input: `user\nQuestion: ${question}\nassistant`,
        output: "<query>lighthouse</query>",
        score: i % 2,
        step,
        gts: { question, target: golden_answers },
      }),
    )
    .join("\n");

/** Every form that upstream's scripts write, one file that none of them wrote, and one that a killed script left behind. */
const FILES: Record<string, unknown> = {
  "s3/beacons_output_sequences.json": table(() => ({
    golden_answers,
    context_with_info: documents,
    response_str: '<query>{"query": "lighthouse"}</query><search_complete>True</search_complete>',
  })),
  "ircot/beacons_output_sequences.json": table((i) => ({
    golden_answers,
    chain_of_thought: ["It was built long ago.", "So the answer is: 1911."],
    retrievals: [
      { query: asked[i], context: documents },
      { query: "lighthouse 1911", context: documents },
    ],
    all_context: documents,
  })),
  "search-o1/beacons_output_sequences.json": table((i) => ({
    golden_answers,
    chain_of_thought: ["<|begin_search_query|>lighthouse<|end_search_query|>"],
    retrievals: [{ query: asked[i], context: documents }],
    all_context: documents,
  })),
  "results/s3.json": results(5),
  "results/ircot.json": results(3),
  "results/search-o1.json": results(2),
  "results/s3_stats.json": {
    timestamp: "2025-05-20",
    total_questions: 6,
    processed_questions: 6,
    data_source_stats: { beacons: { total: 6, correct: 4, accuracy: 0.6667 } },
    remaining_questions: 0,
  },
  "rag_cache.json": results(1),
  "rollouts/1.jsonl": rollout(1),
  "rollouts/2.jsonl": rollout(2),
  "results/killed.json": '{"beacons": {"When was',
  "config.json": { seed: 1 },
  "README.md": "what this is",
};

let folder: string;
test.beforeAll(() => {
  folder = join(mkdtempSync(join(tmpdir(), "s3-upstream-")), "upstream");
  for (const [path, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(
      join(folder, path),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  }
});
test.afterAll(() => rmSync(dirname(folder), { recursive: true, force: true }));

test("a folder of upstream's results, dropped on the page, becomes leaderboard rows and episodes to inspect", async ({
  page,
}) => {
  await page.goto("/leaderboard");
  await waitLive(page);
  await expect(page.locator("tr[data-method]").first()).toBeVisible();
  await dropFiles(page, [folder]);

  const dialog = page.getByRole("dialog");
  const parts = dialog.locator("[data-part]");
  await expect(parts).toHaveCount(5);
  await expect(dialog.locator("[data-part='upstream/results/s3']")).toContainText(
    "beacons: 6 with documents, 6 answered · 3 files",
  );
  for (const [label, method] of [
    ["upstream/results/ircot", "IRCoT"],
    ["upstream/results/search-o1", "Search-o1"],
    ["upstream/rag_cache", "RAG"],
    ["upstream/rollouts", "training"],
  ])
    await expect(dialog.locator(`[data-part="${label}"]`)).toContainText(method!);
  // Nothing goes unmentioned.
  await expect(dialog.getByRole("list", { name: "Not imported" })).toContainText(
    "upstream/results/killed.json: killed.json is not JSON",
  );
  await dialog.getByText("2 files left alone").click();
  await expect(dialog.getByRole("list", { name: "Left alone" })).toContainText(
    "upstream/README.md",
  );

  await dialog.getByRole("button", { name: "Import 5 parts" }).click();
  await expect(dialog.getByText("5 of 5 parts imported")).toBeVisible();
  await expect(dialog.locator("[data-part-state=done]")).toHaveCount(5);
  await expect(dialog.locator("[data-part='upstream/results/s3']")).toContainText(
    "6 episodes, 83.3% of 6, questions upstream/beacons",
  );
  await expect(dialog.locator("[data-part='upstream/results/s3']")).toContainText(
    "Its statistics state 6 questions and accuracy 0.6667; the results hold 6 and 0.8333.",
  );
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await measureOverflow(page), "the dialog on a phone").toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.keyboard.press("Escape");

  // Rows of the leaderboard, marked, ranked among their own and tested against the RAG cache.
  const scope = page.getByLabel("Corpus · generator · scorer");
  const option = scope.locator("option", { hasText: "generation-accuracy/upstream-file" });
  await scope.selectOption(await option.getAttribute("value"));
  // Four of them; the recorded day holds one more, of another set.
  await expect(page.locator("tr[data-method]")).toHaveCount(5);
  await expect(page.locator("tr[data-method] [data-imported]")).toHaveCount(5);
  await expect(
    page.locator("tr[data-method=s3]").filter({ hasText: /#1(–\d)? [a-z]+\s*83\.3%/ }),
  ).toHaveCount(1);
  await expect(page.locator("tr[data-method=rag]")).toContainText("reference");

  // Episodes to inspect: IRCoT's with its searches, documents and thoughts.
  await page.locator("tr[data-method=ircot] [data-cell]").click();
  await expect(page.locator("main header [data-imported]")).toBeVisible();
  await expect(page.locator("main header")).toContainText("upstream/results/ircot");
  await expect(page.locator("[data-episode]:visible")).toHaveCount(6);

  // And out again, as the files they came from.
  await page.getByRole("button", { name: "Upstream's files" }).click();
  const files = page.getByRole("dialog").getByRole("list", { name: "Files" });
  const saved = page.waitForEvent("download");
  await files.getByRole("button", { name: "Save beacons_output_sequences.json" }).click();
  const sequences = JSON.parse(readFileSync(await (await saved).path(), "utf8")) as Record<
    string,
    { retrievals: unknown[] }
  >;
  expect(Object.keys(sequences).sort()).toEqual([...asked].sort());
  expect(Object.values(sequences).map(({ retrievals }) => retrievals.length)).toEqual([
    2, 2, 2, 2, 2, 2,
  ]);
  await page.keyboard.press("Escape");
  await page.locator("[data-episode]:visible a").first().click();
  await expect(page.locator("[data-turn='0'] [data-document]")).toHaveCount(2);
  await expect(page.locator("[data-turn='1']")).toContainText("lighthouse 1911");

  await page.goto("/runs?q=beacons");
  await expect(page.locator("tr[data-run] [data-imported]")).toHaveCount(4);
});

test("what cannot be used is named with its reason, and can be tried again with another set", async ({
  page,
}) => {
  await page.goto("/leaderboard");
  await waitLive(page);
  await page.getByRole("button", { name: "Import results" }).click();
  const dialog = page.getByRole("dialog");
  const file = join(folder, "results", "orphan.json");
  writeFileSync(file, JSON.stringify({ orphans: results(4).beacons }));
  await dialog.getByLabel("Choose files").setInputFiles([file, join(folder, "config.json")]);
  await dialog.getByRole("button", { name: "Import 1 part" }).click();
  await expect(dialog.getByRole("alert")).toContainText(
    "orphan.json: The files of orphans hold no gold answers",
  );
  await expect(dialog.locator("[data-part-state=failed]")).toHaveCount(1);
  await dialog.getByLabel("Question set").selectOption("upstream/lighthouses");
  await dialog.getByRole("button", { name: "Try 1 part again" }).click();
  await expect(dialog.locator("[data-part-state=done]")).toContainText("6 episodes, 66.7% of 6");
});
