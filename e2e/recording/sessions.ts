import { setTimeout as sleep } from "node:timers/promises";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";
import type { RunState } from "@/contracts/records/run-state";
import type { Client } from "@/cli/lib/client";
import { watchRun } from "@/cli/lib/watch-run";
import { READ_ANSWERS } from "./read-answers";

/** What is done with a fresh product, through its API, so that its state can be recorded. */
export type Session = (client: Client) => Promise<void>;

type Changes<T> = { [K in keyof T]?: T[K] extends object ? Changes<T[K]> : T[K] };

/** A preset's configuration with some settings changed. */
function changePreset(id: string, changes: Changes<Record<string, unknown>>): RunConfigInput {
  const preset = findPreset(id);
  if (!preset) throw new Error(`there is no preset ${id}`);
  return merge(preset.config, changes) as RunConfigInput;
}

function merge(base: unknown, changes: unknown): unknown {
  if (!isRecord(base) || !isRecord(changes)) return changes;
  // Another kind of retriever has other settings.
  if (changes.kind !== undefined && changes.kind !== base.kind) return changes;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(changes)) result[key] = merge(base[key], value);
  return result;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Launches runs from presets and waits for them. */
class Player {
  constructor(private readonly client: Client) {}

  async launch(preset: string, changes: Record<string, unknown>): Promise<string> {
    const config = changePreset(preset, changes);
    const { id } = await this.client.runs.launch.mutate({ config, preset });
    console.log(`launched ${typeof changes.name === "string" ? changes.name : preset}`);
    return id;
  }

  /** Waits until a run has ended. @throws Error where it ended otherwise than it should */
  async wait(id: string, expected: RunState = "succeeded"): Promise<void> {
    const started = Date.now();
    const state = await watchRun(this.client, id, () => {});
    const run = await this.client.runs.get.query({ id });
    console.log(`${run.name}: ${state} after ${Math.round((Date.now() - started) / 1000)} s`);
    if (state !== expected)
      throw new Error(
        `${run.name} is ${state}, not ${expected}: ${run.error ?? "no reason given"}`,
      );
  }

  async run(
    preset: string,
    changes: Record<string, unknown>,
    expected: RunState = "succeeded",
  ): Promise<string> {
    const id = await this.launch(preset, changes);
    await this.wait(id, expected);
    return id;
  }

  /** Cancels a run once a worker works on it. */
  async runAndCancel(preset: string, changes: Record<string, unknown>): Promise<string> {
    const id = await this.launch(preset, changes);
    while ((await this.client.runs.get.query({ id })).state !== "running") await sleep(100);
    await this.client.runs.cancel.mutate({ id, reason: "enough seen" });
    await this.wait(id, "cancelled");
    return id;
  }

  /** The newest checkpoint of a training. */
  async findLastCheckpoint(runId: string): Promise<string> {
    const checkpoints = await this.client.runs.checkpoints.query({ id: runId });
    const last = checkpoints.toSorted((a, b) => b.step - a.step)[0];
    if (!last) throw new Error(`run ${runId} has no checkpoint`);
    return last.id;
  }
}

/** The least that every table of a training, of predictions and of an evaluation gets rows from. */
export const playOldDatabase: Session = async (client) => {
  const player = new Player(client);
  const training = await player.run("atlas-smollm2", {
    name: "Two steps of PPO",
    coldStart: { demonstrations: 16 },
    rl: { steps: 2, questionsPerStep: 2, resample: 0 },
    evaluation: { every: 1, questions: 6 },
    checkpointing: { every: 1 },
  });
  const limit = 12;
  await player.run("atlas-rag", { limit });
  const checkpoint = await player.findLastCheckpoint(training);
  await player.run("atlas-s3", { name: "s3 after two steps", limit, searcher: { checkpoint } });
  await player.run("atlas-retrieval", { limit });
};

/** Questions that the predictions answer: enough for intervals and paired tests. */
const QUESTIONS = 48;

/** A day of work on Atlas: every page has something to show. */
export const playAtlas: Session = async (client) => {
  const player = new Player(client);
  await importLighthouses(client);
  // Rankings are most of a recording's bytes.
  const ranked = { k: 50, limit: 96 };
  await player.run("atlas-retrieval", ranked);
  await player.run("atlas-retrieval", {
    ...ranked,
    name: "Atlas held-out, BM25",
    retriever: { kind: "bm25" },
  });
  await runIndex(client, player);
  await runSweep(client, player);
  const training = await player.run("atlas-smollm2", {
    coldStart: { demonstrations: 48 },
    rl: { steps: 4 },
    evaluation: { every: 2, questions: 24 },
    checkpointing: { every: 2 },
  });
  const checkpoint = await player.findLastCheckpoint(training);
  const limit = QUESTIONS;
  await judgeAnswers(client, player, await player.run("atlas-rag", { limit }));
  for (const preset of ["atlas-s3", "atlas-direct", "atlas-ircot", "atlas-gold"])
    await player.run(preset, { limit });
  await player.run("atlas-s3", {
    name: "Atlas held-out, s3, trained",
    limit,
    searcher: { checkpoint },
  });
  // All but greedy, so that no group has variance: an alarm, on which this one stops.
  await player.run(
    "atlas-smollm2-grpo",
    {
      name: "Made to collapse",
      coldStart: { demonstrations: 0 },
      rl: { steps: 7, questionsPerStep: 1, groupSize: 2, temperature: 0.01, resample: 0 },
      evaluation: { questions: 0 },
      checkpointing: { every: 100 },
      alarms: { stopOn: { "no-variance": true } },
    },
    "failed",
  );
  await player.runAndCancel("atlas-smollm2-grpo", { name: "Cancelled" });
};

async function runIndex(client: Client, player: Player): Promise<void> {
  const { id } = await client.runs.launch.mutate({
    config: { kind: "index", name: "BM25 of Atlas", corpus: "atlas", retriever: { kind: "bm25" } },
  });
  await player.wait(id);
}

/** Two ways of naive RAG on a few questions. */
async function runSweep(client: Client, player: Player): Promise<void> {
  const { id } = await client.sweeps.launch.mutate({
    spec: {
      mode: "grid",
      name: "RAG by documents",
      base: { ...changePreset("atlas-rag", { limit: 12 }), name: undefined },
      axes: [{ path: "documents", values: [1, 2] }],
      seeds: [0],
    },
    preset: "atlas-rag",
    key: "recorded",
  });
  const { members } = await client.sweeps.get.query({ id });
  for (const member of members) await player.wait(member.id);
}

/** Lets the model that answered judge the stored answers as well, as `npm run s3 -- evaluate RUN --scorer judge` does. */
async function judgeAnswers(client: Client, player: Player, answeredId: string): Promise<void> {
  const { config } = await client.runs.get.query({ id: answeredId });
  const { id } = await client.runs.launch.mutate({
    config: runConfigSchema.parse({
      ...config,
      name: `${config.name}, judge`,
      scorer: "judge",
      reuse: { episodesOf: answeredId, keepAnswers: true },
    }),
  });
  await player.wait(id);
  await labelAnswers(client, id);
}

/** Labels of what judge and span rule differ on those answers that somebody has read; the others stay to be labelled. */
async function labelAnswers(client: Client, judgedId: string): Promise<void> {
  const { rows } = await client.scores.disagreements.query({ runId: judgedId });
  let labelled = 0;
  for (const { answerId, setId, questionId, answer } of rows) {
    const read = READ_ANSWERS.find(([id, text]) => id === questionId && text === answer.trim());
    if (!read) continue;
    const [, , correct] = read;
    await client.scores.label.mutate({ answerId, setId, questionId, correct });
    labelled++;
  }
  console.log(`labelled ${labelled} of ${rows.length} answers that judge and span differ on`);
  if (labelled === 0)
    throw new Error(
      "none of the answers that judge and span differ on has been read: read some and write them into read-answers.ts",
    );
}

const LIGHTHOUSES = Array.from({ length: 6 }, (_, i) => ({
  question: `When was lighthouse number ${i} built?`,
  answer: String(1905 + i),
}));

/** A question set of one's own, and results of the paper's program on another. */
async function importLighthouses(client: Client): Promise<void> {
  await client.catalogue.importQuestions.mutate({
    name: "lighthouses/own",
    jsonl: LIGHTHOUSES.map(({ question, answer }, i) =>
      JSON.stringify({ id: `q${i}`, question, answers: [answer], type: "year" }),
    ).join("\n"),
  });
  const table = Object.fromEntries(
    LIGHTHOUSES.map(({ question, answer }, i) => [
      question,
      {
        golden_answers: [answer],
        context_with_info: `Doc 1(Title: "Lighthouse ${i}") Lighthouse number ${i} was built in ${answer}.`,
        response_str:
          '<query>{"query": "lighthouse"}</query><search_complete>True</search_complete>',
      },
    ]),
  );
  const results = Object.fromEntries(
    LIGHTHOUSES.map(({ question, answer }, i) => [
      `${question}?`,
      { answer: i < 4 ? `In ${answer}.` : "nobody knows", score: i < 4 ? 1 : 0, em_score: 0 },
    ]),
  );
  const { runs, problems } = await client.upstream.import.mutate({
    files: [
      { path: "s3/lighthouses_output_sequences.json", content: JSON.stringify(table) },
      { path: "results/s3.json", content: JSON.stringify({ lighthouses: results }) },
    ],
  });
  if (runs.length !== 1 || problems.length > 0)
    throw new Error(`the results were not imported: ${JSON.stringify(problems)}`);
}
