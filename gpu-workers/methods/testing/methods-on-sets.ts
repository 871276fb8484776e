import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChosenOption } from "@/core/scoring/option-letter";
import { scoreByRules } from "@/core/scoring/rule-scoring";
import { METHODS, getMethodComponents } from "@/core/run/methods";
import { parseCorpusLine, type CorpusRecord } from "@/contracts/formats/corpus-lines";
import { methodNameSchema, type EpisodeStep, type MethodName } from "@/contracts/records/episode";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import { predict } from "@/gpu-workers/jobs/predict/predict";
import { LocalServices, MemoryContext } from "@/gpu-workers/testing/memory-context";
import { SETS_DIR } from "@/lib/testing/shared";

export type RealSet = "2wiki" | "hotpotqa" | "pubmedqa";
const getCorpusFile = (set: string): string => join(workDir, `${set}.jsonl`);

let services: LocalServices;
let workDir: string;
const slices = new Map<RealSet, { questions: Question[]; passages: CorpusRecord[] }>();

/** Opens what the methods need before a file's tests, with slices of these sets as corpora, and closes it after them. */
export function openServices(sets: readonly RealSet[]): void {
  beforeAll(async () => {
    workDir = await mkdtemp(join(tmpdir(), "s3-methods-"));
    if (existsSync(SETS_DIR)) for (const set of sets) slices.set(set, await slice(set));
    services = new LocalServices(
      Object.fromEntries(sets.map((set) => [set, getCorpusFile(set)])),
      workDir,
    );
  });
  afterAll(async () => {
    await services.close();
    await rm(workDir, { recursive: true, force: true });
  });
}

/** The preset of a method, with short texts, on a few questions. */
export const buildConfig = (
  method: MethodName,
  changes: Partial<RunConfigInput & { kind: "predict" }>,
): PredictConfig => {
  const config = runConfigSchema.parse({ ...findPreset(`atlas-${method}`)!.config, ...changes });
  if (config.kind !== "predict") throw new Error("not a predict run");
  return config;
};

/** What holds of every method's records, whatever a small model writes. */
export async function runAndCheck(config: PredictConfig, questions?: readonly Question[]) {
  const context = new MemoryContext({
    config,
    services,
    workDir,
    ...(questions && { questions: () => Promise.resolve([...questions]) }),
  });
  await predict(context);
  const records = context.records();
  const roles = getMethodComponents(config);
  const texts = new Set(
    context.reports.flatMap((item) =>
      item.kind === "episodes" ? item.documents.map(({ hash }) => hash) : [],
    ),
  );
  expect(context.preflightItems.some(({ name }) => name === "retriever")).toBe(roles.retrieves);
  expect(new Set(records.map(({ episode }) => episode.key)).size).toBe(records.length);
  for (const { episode, answer, score, baseline } of records) {
    expect(episode.method).toBe(config.method);
    expect(episode.steps.filter(({ kind }) => kind === "stop")).toHaveLength(1);
    expect(answer!.generator).toBe("smollm2-135m-instruct");
    expect(score).not.toBeNull();
    expect(episode.ownAnswer === undefined).toBe(roles.generates);
    expect(episode.steps.some(({ kind }) => kind === "generate")).toBe(roles.asksModel);
    if (!METHODS[config.method].retrieves) expect([episode.context, baseline]).toEqual([[], null]);
    // s3's own loop counts its tokens by their ids.
    if (config.method !== "s3")
      expect(episode.usage).toMatchObject({
        costUsd: 0,
        calls: episode.steps.filter(({ kind }) => kind === "generate" || kind === "condense")
          .length,
      });
    // What is handed over was found (or, for the ceiling, named), and its text is stored.
    const found = new Set(
      episode.steps.flatMap((step) =>
        step.kind === "retrieve" ? step.documents.map(({ hash }) => hash) : [],
      ),
    );
    for (const { hash } of episode.context)
      expect([config.method === "gold" || found.has(hash), texts.has(hash)]).toEqual([true, true]);
  }
  return records;
}

/** Tests of every method on two questions of each set. */
export function describeOnSets(sets: readonly RealSet[]): void {
  describe.skipIf(!existsSync(SETS_DIR))(
    "every method on slices of the real sets (skipped where ../shared/data is not there)",
    () => {
      it.each(
        sets.flatMap((set) => methodNameSchema.options.map((method) => [method, set] as const)),
      )(
        "%s on %s",
        async (method, set) => {
          const { questions, passages } = slices.get(set)!;
          const medical = set === "pubmedqa";
          const config = buildConfig(method, {
            corpus: set,
            questions: set,
            retriever: { kind: "bm25" },
            scorer: medical ? "option-letter" : "span",
            methodSettings: { maxTokens: 16, searches: 1, retrieve: 2 },
            search: { retrieve: 2, select: 1, turns: 1, decoding: "guided", queryTokens: 8 },
            documents: 2,
            generator: {
              model: "smollm2-135m-instruct",
              promptStyle: "few-shot",
              maxTokens: 6,
              ragDocuments: 2,
            },
          });
          const records = await runAndCheck(config, questions);
          expect(records.map(({ episode }) => episode.questionId)).toEqual(
            questions.map(({ id }) => id),
          );
          const known = new Set(passages.map(({ id }) => id));
          records.forEach(({ episode, answer, score, otherScores }, i) => {
            const question = questions[i]!;
            const searches = episode.steps.filter(
              (step): step is EpisodeStep & { kind: "retrieve" } => step.kind === "retrieve",
            );
            for (const { documents } of searches)
              for (const { id } of documents) expect(known.has(id), id).toBe(true);
            if (method === "rag")
              expect(searches.map(({ query }) => query)).toEqual([question.question]);
            if (method === "gold")
              expect(episode.context.map(({ id }) => id)).toEqual(question.goldIds);
            // Scored by the scorer that was asked for, and by every other rule that the set allows.
            expect(score!.scorer).toBe(medical ? "option-letter/3" : "span/2");
            expect([score!, ...otherScores!].sort(compareScorers)).toEqual(
              scoreByRules(answer!.text, question).sort(compareScorers),
            );
            if (!medical) return;
            expect(score!.value).toBe(
              findChosenOption(answer!.text, question.options!) === question.options!.answer
                ? 1
                : 0,
            );
            // Whoever answers sees the options; a retriever gets the question alone.
            if (episode.ownAnswer)
              expect(
                JSON.stringify(episode.steps.find(({ kind }) => kind === "generate")),
              ).toContain("A. yes B. no C. maybe");
            for (const { query } of searches)
              expect(
                query === question.question || !query.startsWith(`${question.question} Options:`),
              ).toBe(true);
          });
        },
        400_000,
      );
    },
  );
}

const compareScorers = (a: { scorer: string }, b: { scorer: string }): number =>
  a.scorer < b.scorer ? -1 : 1;

/** Two questions of a set whose evidence is short, their gold passages, and others of the set to be told from them. */
async function slice(set: RealSet): Promise<{ questions: Question[]; passages: CorpusRecord[] }> {
  const lines = async (name: string): Promise<string[]> =>
    (await readFile(join(SETS_DIR, set, name), "utf8")).trim().split("\n");
  const all = (await lines("passages.jsonl")).map((line, i) => parseCorpusLine(line, i + 1));
  const byId = new Map(all.map((passage) => [passage.id, passage]));
  const rows = (await lines("questions.jsonl")).map(
    (line) =>
      JSON.parse(line) as {
        id: string;
        question: string;
        answers: string[];
        support: string[];
        type: string;
      },
  );
  const short = rows
    .filter(
      ({ support }) => support.length > 0 && support.every((id) => byId.get(id)!.text.length < 300),
    )
    .slice(0, 2);
  expect(short, `questions of ${set} with short evidence`).toHaveLength(2);
  const gold = new Set(short.flatMap(({ support }) => support));
  const passages = [
    ...all.filter(({ id }) => gold.has(id)),
    ...all.filter(({ id, text }) => !gold.has(id) && text.length < 300).slice(0, 40),
  ];
  await writeFile(
    getCorpusFile(set),
    passages.map((passage) => `${JSON.stringify(passage)}\n`).join(""),
  );
  const letters = { yes: "A", no: "B", maybe: "C" } as const;
  const choices = Object.entries(letters).map(([text, letter]) => ({ letter, text }));
  const questions = short.map(({ id, question, answers, support, type }): Question => ({
    id,
    question,
    answers,
    goldIds: support,
    type,
    group: null,
    goldQueries: [],
    ...(set === "pubmedqa" && {
      options: { choices, answer: letters[answers[0] as keyof typeof letters] },
    }),
  }));
  return { questions, passages };
}
