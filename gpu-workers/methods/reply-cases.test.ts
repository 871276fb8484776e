import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Episode } from "@/contracts/records/episode";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import { ruleScorerSchema } from "@/contracts/run-config/scoring";
import type { Question } from "@/contracts/worker-protocol/questions";
import { scoreByRule } from "@/core/scoring/rule-scoring";
import { splitThoughts } from "@/core/episode/thoughts";
import { probeMethodModel } from "@/gpu-workers/llm/endpoint/connection";
import { openGenerator, probeGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { openJudge, probeJudge } from "@/gpu-workers/llm/scoring/judge";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { CaseEndpoint } from "@/gpu-workers/testing/case-endpoint";
import { CASES_DIR } from "@/lib/testing/shared";
import { openMethod, openOwnModel } from "./open-method";

/** Replies of models as public bug reports have them (../shared/cases), through the code that a run goes through. */

const { signal } = new AbortController();
const PLACEHOLDER: Question = {
  id: "-",
  question: "-",
  answers: ["-"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
};
const PARIS = readQuestions(join(CASES_DIR, "q1.jsonl"))[0]!;

interface CaseQuestion {
  id: string;
  question: string;
  answers: string[];
  options?: Record<string, string>;
  answer: string;
}

function readQuestions(path: string): Question[] {
  if (!existsSync(path)) return [PLACEHOLDER];
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => {
    const { id, question, answers, options, answer } = JSON.parse(line) as CaseQuestion;
    if (!options) return { ...PLACEHOLDER, id, question, answers };
    const choices = Object.entries(options).map(([letter, text]) => ({ letter, text }));
    const right = choices.find(({ letter }) => letter === answer)!.text;
    return { ...PLACEHOLDER, id, question, answers: [right], options: { choices, answer } };
  });
}

describe.skipIf(!existsSync(CASES_DIR))(
  "replies of models (skipped where ../shared/cases is absent)",
  () => {
    let endpoint: CaseEndpoint;
    beforeAll(async () => {
      endpoint = await CaseEndpoint.start();
    });
    afterAll(() => endpoint.close());

    const buildConfig = (model: string, more: { address?: string; maxTokens?: number } = {}) => {
      const { address = endpoint.url, maxTokens = 2048 } = more;
      const server = { model, endpoint: address, connection: { retrySeconds: 0 } };
      return predictConfigSchema.parse({
        kind: "predict",
        name: "p",
        method: "direct",
        questions: "bug/one",
        methodSettings: { maxTokens },
        searcher: server,
        judge: server,
        generator: { ...server, maxTokens },
      });
    };
    const ask = async (config: PredictConfig, question = PARIS): Promise<Episode> => {
      const fetchCheckpoint = () => Promise.reject(new Error("there is none"));
      const own = await openOwnModel(config, { signal, fetchCheckpoint }, null);
      const method = await openMethod(config, {
        context: { readAnsweredQuestions: () => Promise.resolve(new Map()) },
        retriever: null,
        own,
        questions: [question],
        documents: new DocumentStore(),
      });
      return (await method.run([question], signal))[0]!;
    };
    const findAnswer = async (...asked: Parameters<typeof buildConfig>) =>
      (await ask(buildConfig(...asked))).ownAnswer?.text;
    const generate = async (...asked: Parameters<typeof buildConfig>) => {
      const store = {
        findAnswers: () => Promise.resolve(new Map()),
        saveAnswers: () => Promise.resolve(),
      };
      const generator = await openGenerator(null, buildConfig(...asked).generator, store, signal);
      return (await generator.answer([{ question: "Capital?", documents: [] }], signal))[0]!;
    };
    const judge = async (model: string) => {
      const opened = await openJudge(buildConfig(model).judge, null, {}, signal);
      return opened.judge([{ question: "Capital?", golds: ["Paris"], answer: "Paris" }], signal);
    };
    const probe = (model: string) => probeMethodModel(buildConfig(model).searcher, signal, {});

    const OPTIONS = readQuestions(join(CASES_DIR, "60-option-letter", "q.jsonl"));
    it.each(OPTIONS.map((question) => [question.id, question] as const))(
      "case 60: %s",
      async (id, question) => {
        const { ownAnswer } = await ask(buildConfig("replies"), question);
        const { value } = scoreByRule("option-letter", ownAnswer!.text, question);
        expect(value).toBe(id === "wrong-article" ? 0 : 1);
      },
    );

    it("case 61: an answer beside thoughts counts, one cut within them is an error", async () => {
      expect(await findAnswer("reasoner")).toBe("Paris");
      for (const model of ["reasoner", "null-length"])
        await expect(findAnswer(model, { maxTokens: 32 })).rejects.toThrow(
          /cut within its reasoning.*Raise the token limit \(methodSettings\.maxTokens/,
        );
      await expect(generate("reasoner", { maxTokens: 32 })).rejects.toThrow(/generator\.maxTokens/);
      await expect(findAnswer("null-stop")).rejects.toThrow(
        /within its reasoning and gave no answer/,
      );
      expect(await probe("null-length")).toMatch(/answers in .* only its thoughts/);
      expect(await probe("reasoner")).toMatch(/answers in/);
    });

    it.each(["think", "think-tail"])("case 62: %s is read over, and kept", async (model) => {
      const episode = await ask(buildConfig(model));
      const { text } = episode.ownAnswer!;
      const score = (rule: "span" | "exact-match", gold: string) =>
        scoreByRule(rule, text, { answers: [gold] }).value;
      expect([score("span", "Paris"), score("exact-match", "Paris")]).toEqual([0, 0]);
      expect(score("exact-match", "Rome")).toBe(1);
      const [step] = episode.steps;
      const written = step?.kind === "generate" ? step.text : "";
      expect(splitThoughts(written).thoughts).toBe("It could be Paris, but I go for Rome.");
      const answer = await generate(model);
      expect([answer.text, answer.usage?.thoughts]).toEqual([
        "Rome",
        "It could be Paris, but I go for Rome.",
      ]);
    });

    it("no scorer is ever given a thought", async () => {
      for (const model of ["think", "think-tail", "reasoner"])
        for (const rule of ruleScorerSchema.exclude(["option-letter"]).options) {
          const { text } = await generate(model);
          expect(scoreByRule(rule, text, { answers: ["could be"] }).value).toBe(0);
          expect(scoreByRule(rule, text, { answers: ["its capital is"] }).value).toBe(0);
        }
    });

    it.each(["filter", "filter-null"])("case 64: %s is an error with its reason", async (model) => {
      for (const asks of [findAnswer, generate]) {
        const error = await asks(model).catch((caught: unknown) => caught as Error);
        expect(error).toMatchObject({
          message: expect.stringMatching(/finish_reason content_filter/) as unknown,
        });
        expect((error as Error).message).not.toContain("Check that it runs");
      }
      expect(await probe(model)).toMatch(/answers in .*content_filter/);
    });

    it.each(["ok", "logprobs400", "logprob-null", "logprob-nullvalue", "think-judge", "reasoner"])(
      "case 67: the judge %s is read by its text",
      async (model) => {
        expect(await judge(model)).toEqual([true]);
        expect(await probeJudge(buildConfig(model).judge, null, {}, signal)).toMatch(/answers in/);
      },
    );

    it("case 68: refused parameters are replaced or left out, once for all requests", async () => {
      for (const model of ["maxtok400", "temp400"]) {
        expect([await findAnswer(model), await findAnswer(model)]).toEqual(["Paris", "Paris"]);
        expect(await generate(model)).toMatchObject({ text: "Paris" });
        expect(await endpoint.readRequests(model)).toHaveLength(4);
        expect(await probe(model)).toMatch(/it refuses (max_tokens|temperature)/);
      }
      const [, again] = await endpoint.readRequests("maxtok400");
      expect(again!.body).toMatchObject({ max_completion_tokens: 2048 });
      expect(again!.body).not.toHaveProperty("max_tokens");
    });

    it("case 69: the query of a base URL stays", async () => {
      const address = `${endpoint.origin}/openai/deployments/d1?api-version=2024-10-21`;
      expect(await findAnswer("ok", { address })).toBe("Paris");
      const requests = await endpoint.readRequests("ok");
      expect(requests.map(({ path }) => path)).toContain(
        "/openai/deployments/d1/chat/completions?api-version=2024-10-21",
      );
    });

    it("usage may be absent; an error within a reply is no answer", async () => {
      expect(await findAnswer("usage-none")).toBe("Paris");
      await expect(findAnswer("error200")).rejects.toThrow(/Provider returned error/);
      expect(await probeGenerator(null, buildConfig("think").generator, signal)).toMatch(/Rome/);
    });
  },
);
