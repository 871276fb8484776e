import { afterEach, describe, expect, it } from "vitest";
import { hashDocument } from "@/core/episode/document-hash";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { ScriptedEndpoint, type ScriptedReply } from "@/gpu-workers/testing/scripted-endpoint";
import { predict } from "./predict";
import {
  buildConfig,
  createContext,
  listFailures,
  questions,
  retriever,
  services,
} from "./testing/predict-run";

describe("faults of the generator's endpoint", () => {
  let endpoint: ScriptedEndpoint | undefined;
  afterEach(() => endpoint?.close());
  const asked = ({ body }: { body: { messages?: { content: string }[] } }): number =>
    Number(/Question (\d+)\?/.exec(body.messages?.at(-1)?.content ?? "")?.[1] ?? -1);
  const impatient = { connection: { retrySeconds: 0, timeoutSeconds: 1 } };

  it.each<[string, ScriptedReply, RegExp]>([
    [
      "429",
      { status: 429, body: "slow down", headers: { "retry-after": "1" } },
      /status 429: slow down/,
    ],
    ["500", { status: 500, body: "oops" }, /status 500: oops/],
    ["a time-out", "hang", /timeout/],
    ["a cut reply", "cut", /terminated|other side closed|aborted/],
    ["wrong JSON", { raw: '{"choices": [' }, /does not answer as an OpenAI-compatible server/],
  ])(
    "%s that stays is listed with its reason, never a score, and a resumed run asks for that question alone",
    async (_, fault, reason) => {
      let broken = true;
      endpoint = await ScriptedEndpoint.start((request) =>
        broken && asked(request) === 7 ? fault : `gold ${asked(request)}`,
      );
      const over = { generator: { model: "m", endpoint: endpoint.url, ...impatient } };
      const first = createContext(buildConfig(endpoint.url, over));
      await expect(predict(first)).rejects.toThrow(/1 of 30 questions have no answer/);
      const failures = first.reports.flatMap((item) =>
        item.kind === "failures" ? item.failures : [],
      );
      expect(failures.map(({ questionId }) => questionId)).toEqual(["q7", "q7"]);
      expect(failures[0]!.reason).toMatch(reason);
      expect(first.records().map(({ episode }) => episode.questionId)).not.toContain("q7");
      expect(first.points("predict/accuracy").at(-1)!.value).toBe(1);
      broken = false;
      const before = endpoint.requests.length;
      const second = createContext(buildConfig(endpoint.url, over));
      second.readAnsweredQuestions = () => first.readAnsweredQuestions();
      await predict(second);
      expect(second.records().map(({ episode }) => episode.questionId)).toEqual(["q7"]);
      expect(
        endpoint.requests
          .slice(before)
          .map(asked)
          .filter((i) => i >= 0),
      ).toEqual([7]);
    },
  );

  it("a fault that passes costs nothing but time", async () => {
    const faults: ScriptedReply[] = [
      { status: 429, headers: { "retry-after": "0" } },
      { status: 500 },
      "cut",
      { raw: "{" },
    ];
    endpoint = await ScriptedEndpoint.start(
      (request, call) => (call > 0 && faults.shift()) || `gold ${asked(request)}`,
    );
    const run = createContext(buildConfig(endpoint.url));
    await predict(run);
    expect([
      run.records().length,
      run.points("predict/accuracy").at(-1)!.value,
      faults.length,
    ]).toEqual([30, 1, 0]);
  });

  it("a key that is revoked half way ends the run with the reason; with the key replaced it goes on with what is missing", async () => {
    let valid = "sk-old";
    endpoint = await ScriptedEndpoint.start((request, call) => {
      if (call === 12) valid = "sk-new";
      return request.headers.authorization === `Bearer ${valid}`
        ? `gold ${asked(request)}`
        : { status: 401, body: `key ${request.headers.authorization} is revoked` };
    });
    const keyed = (key: string) =>
      createContext(
        buildConfig(endpoint!.url, {
          generator: {
            model: "m",
            endpoint: endpoint!.url,
            connection: { key: "hosted", concurrency: 1 },
          },
          failures: { stopAfter: 5 },
        }),
        { keys: new Map([["hosted", key]]) },
      );
    const first = keyed("sk-old");
    const error = await predict(first).then(
      () => null,
      (reason: Error) => reason,
    );
    expect(error?.message).toMatch(
      /5 questions in a row could not be answered.*API key is missing, wrong or revoked/s,
    );
    expect(JSON.stringify(first.reports) + error?.message).not.toContain("sk-old");
    const failed = new Set(listFailures(first));
    expect(
      first
        .records()
        .every(({ episode, score }) => !failed.has(episode.questionId) && score?.value === 1),
    ).toBe(true);
    const second = keyed("sk-new");
    second.readAnsweredQuestions = () => first.readAnsweredQuestions();
    await predict(second);
    expect(
      new Set([...first.records(), ...second.records()].map(({ episode }) => episode.questionId))
        .size,
    ).toBe(30);
    expect(second.records()).toHaveLength(30 - first.records().length);
  });
});

describe("a run at an endpoint", () => {
  it("keeps it busy across batches, and stores every question with its own documents", async () => {
    let release: () => void = () => undefined;
    const busy = new Promise<void>((resolve) => (release = resolve));
    // The first requests wait for each other: without 60 at once nothing would be answered. The preflight's goes alone.
    const endpoint = await ScriptedEndpoint.start(async (_, call) => {
      if (call >= 60) release();
      if (call > 0) await busy;
      return "gold 1";
    });
    try {
      const many: Question[] = Array.from({ length: 120 }, (_, i) => ({
        ...questions[0]!,
        id: `q${i}`,
        question: `Question ${i}?`,
      }));
      const own: Retriever = {
        ...retriever,
        search: (queries) =>
          Promise.resolve(
            queries.map((query) => [
              {
                id: query,
                title: query,
                text: query,
                hash: hashDocument({ title: query, text: query }),
                score: 1,
              },
            ]),
          ),
      };
      const run = createContext(
        buildConfig(endpoint.url, {
          generator: { model: "m", endpoint: endpoint.url, connection: { concurrency: 60 } },
        }),
        {
          questions: () => Promise.resolve(many),
          services: {
            ...services,
            acquireRetriever: () => Promise.resolve({ value: own, release: () => undefined }),
          },
        },
      );
      await predict(run);
      expect(endpoint.mostAtOnce).toBe(60);
      expect(new Set(run.records().map(({ episode }) => episode.questionId)).size).toBe(120);
      const sent = run.reports.flatMap((item) =>
        item.kind === "episodes" ? item.documents.map(({ id }) => id) : [],
      );
      expect(sent.sort()).toEqual(many.map(({ question }) => question).sort());
    } finally {
      await endpoint.close();
    }
  });
});
