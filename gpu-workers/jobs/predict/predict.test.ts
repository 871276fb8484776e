import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { drawNumpySample } from "@/core/statistics/numpy-random";
import { listenLocally } from "@/lib/testing/listen-locally";
import { type MemoryContext } from "@/gpu-workers/testing/memory-context";
import { ScriptedEndpoint } from "@/gpu-workers/testing/scripted-endpoint";
import type { Services } from "@/gpu-workers/jobs/context/run-context";
import { predict } from "./predict";
import {
  buildConfig,
  createContext,
  listFailures,
  questions,
  services,
} from "./testing/predict-run";

let server: Server | undefined;
afterEach(() => server?.close());

/** A generator that is right about even questions and refuses those that `refuses` names; it counts what it was asked. */
async function startGenerator(
  refuses: (i: number) => boolean,
): Promise<{ url: string; asked: Map<number, number> }> {
  const asked = new Map<number, number>();
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const i = Number(/Question (\d+)\?/.exec(body)?.[1] ?? -1);
      asked.set(i, (asked.get(i) ?? 0) + 1);
      if (refuses(i)) return void response.writeHead(400).end("context too long");
      response.end(
        JSON.stringify({
          choices: [{ message: { content: i % 2 === 0 ? `gold ${i}` : "wrong" }, text: "" }],
        }),
      );
    });
  });
  const address = await listenLocally(server);
  return { url: `${address}/v1`, asked };
}

describe("a predict run", () => {
  it("lists what fails, tries it once more at the end, and counts it nowhere", async () => {
    const { url, asked } = await startGenerator((i) => i === 3 || i === 25);
    const run = createContext(buildConfig(url));
    await expect(predict(run)).rejects.toThrow(/2 of 30 questions have no answer.*Resume the run/);
    expect(run.records()).toHaveLength(28);
    expect(listFailures(run)).toEqual(["q3", "q25", "q3", "q25"]);
    // 15 right of 28 answered, not of 30.
    expect(run.points("predict/accuracy").at(-1)!.value).toBeCloseTo(15 / 28, 12);
    expect(asked.get(3)).toBeGreaterThan(1);
    // The others were answered once: what a batch had answered is found by its key.
    expect(
      run.records().map(({ otherScores }) => otherScores?.map(({ scorer }) => scorer))[0],
    ).toEqual(["exact-match/1", "f1/1"]);
  });

  it("does not begin with a judge that is not there, and says so", async () => {
    const { url } = await startGenerator(() => false);
    const reason = "missing, wrong or revoked";
    const judge = await ScriptedEndpoint.start([{ status: 401 }]);
    const run = createContext(
      buildConfig(url, { scorer: "judge", judge: { model: "j", endpoint: judge.url } }),
    );
    await expect(predict(run)).rejects.toThrow(reason);
    await judge.close();
    expect(run.preflightItems.find(({ name }) => name === "judge")).toMatchObject({
      state: "failed",
      error: expect.stringContaining(reason) as unknown,
    });
    expect([run.isRunning, run.records().length]).toEqual([false, 0]);
  });

  it("ends with a judge that gives no verdict: its replies count as no, are told and stored as unread", async () => {
    const { url } = await startGenerator(() => false);
    const judge = await ScriptedEndpoint.start(["Perhaps."]);
    const run = createContext(
      buildConfig(url, { scorer: "judge", judge: { model: "j", endpoint: judge.url } }),
    );
    try {
      await predict(run);
    } finally {
      await judge.close();
    }
    expect(run.preflightItems.find(({ name }) => name === "judge")).toMatchObject({
      state: "ready",
      detail: expect.stringContaining("neither yes nor no") as unknown,
    });
    const records = run.records();
    expect(records).toHaveLength(30);
    for (const { score, otherScores } of records) {
      expect(score).toEqual({ scorer: "judge/2.1 j", value: 0 });
      expect(otherScores).toContainEqual({ scorer: "unread/judge/2.1 j", value: 1 });
    }
  });

  it("reports what its judge took", async () => {
    const { url } = await startGenerator(() => false);
    const judge = await ScriptedEndpoint.start([
      { text: "yes", usage: { prompt_tokens: 50, completion_tokens: 1 } },
    ]);
    const run = createContext(
      buildConfig(url, {
        scorer: "judge",
        judge: {
          model: "j",
          endpoint: judge.url,
          connection: { promptPrice: 1, completionPrice: 0 },
        },
      }),
    );
    try {
      await predict(run);
    } finally {
      await judge.close();
    }
    // The preflight's question to the judge is none of the run's.
    expect(
      ["calls", "prompt_tokens", "completion_tokens", "cost_usd"].map(
        (name) => run.points(`judge/${name}`).at(-1)?.value,
      ),
    ).toEqual([30, 1500, 30, expect.closeTo(0.0015, 12)]);
    expect(judge.requests).toHaveLength(31);
    const ruled = createContext(buildConfig(url));
    await predict(ruled);
    expect(ruled.points("judge/calls")).toEqual([]);
  });

  it("makes nothing again that an equal run has stored: neither its answers nor verdicts, nor episodes where keys suffice", async () => {
    const model = await ScriptedEndpoint.start(["Lima"]);
    const judge = await ScriptedEndpoint.start(["yes"]);
    const asked = () => [model.requests.length, judge.requests.length];
    const run = async (over: object, equalTo?: MemoryContext): Promise<MemoryContext> => {
      const own = createContext(
        buildConfig(model.url, {
          method: "cot",
          searcher: { model: "m", endpoint: model.url, api: "chat" },
          scorer: "judge",
          judge: { model: "j", endpoint: judge.url },
          ...over,
        }),
        {
          ...(equalTo && {
            equalTo,
            answers: new Map(equalTo.records().map(({ answer }) => [answer!.key, answer!])),
          }),
        },
      );
      await predict(own);
      return own;
    };
    try {
      const first = await run({});
      // One more of each: the preflights'.
      expect(asked()).toEqual([31, 31]);
      const again = await run({}, first);
      expect(
        asked(),
        "the weights behind an endpoint are not known, the answers judged are the same",
      ).toEqual([62, 32]);
      const taken = await run({ reuse: { equalEpisodes: "always" } }, first);
      expect(asked()).toEqual([63, 33]);
      for (const other of [again, taken])
        expect(
          other.records().map(({ episode, answer, score }) => [episode.key, answer?.text, score]),
        ).toEqual(
          first.records().map(({ episode, answer, score }) => [episode.key, answer?.text, score]),
        );
      expect(taken.records()[0]!.episode.steps).toEqual(first.records()[0]!.episode.steps);
    } finally {
      await model.close();
      await judge.close();
    }
  });

  it("that may miss questions succeeds with them listed", async () => {
    const { url } = await startGenerator((i) => i === 3);
    const run = createContext(buildConfig(url, { failures: { allowMissing: true } }));
    await predict(run);
    expect(run.records()).toHaveLength(29);
  });

  it("stops where many fail in a row, with the reason", async () => {
    const { url } = await startGenerator((i) => i >= 5);
    await expect(
      predict(createContext(buildConfig(url, { failures: { stopAfter: 4 } }))),
    ).rejects.toThrow(/4 questions in a row could not be answered.*context too long/s);
  });

  it("goes on with the questions that are missing, and counts the answers of every attempt", async () => {
    const { url, asked } = await startGenerator(() => false);
    const first = createContext(buildConfig(url, { limit: 10 }));
    await predict(first);
    const second = createContext(buildConfig(url));
    second.readAnsweredQuestions = () => first.readAnsweredQuestions();
    second.readStoredAccuracy = () => first.readStoredAccuracy();
    asked.clear();
    await predict(second);
    expect(second.records().map(({ episode }) => episode.questionId)).toEqual(
      questions.slice(10).map(({ id }) => id),
    );
    expect([...asked.keys()].filter((i) => i >= 0 && i < 10)).toEqual([]);
    expect(second.points("predict/accuracy").at(-1)).toMatchObject({ value: 0.5, step: 30 });
  });

  it("answers or scores the stored episodes of another run without searching", async () => {
    const { url, asked } = await startGenerator(() => false);
    const first = createContext(buildConfig(url));
    await predict(first);
    asked.clear();
    const noSearch: Services = {
      ...services,
      acquireRetriever: () => Promise.reject(new Error("it searched")),
    };
    const scored = createContext(
      buildConfig(url, {
        scorer: "exact-match",
        reuse: { episodesOf: "00000000-0000-4000-8000-000000000009", keepAnswers: true },
      }),
      { services: noSearch, episodesOf: first },
    );
    await predict(scored);
    expect(asked.size).toBe(0);
    expect(
      scored
        .records()
        .filter(({ score }) => score?.scorer === "exact-match/1" && score.value === 1),
    ).toHaveLength(15);
    const again = createContext(
      buildConfig(url, {
        generator: { model: "other", endpoint: url },
        reuse: { episodesOf: "00000000-0000-4000-8000-000000000009" },
      }),
      { services: noSearch, episodesOf: first },
    );
    await predict(again);
    expect(again.records().map(({ answer }) => answer?.generator)).toEqual(Array(30).fill("other"));
    expect(again.records().map(({ episode }) => episode.key)).toEqual(
      first.records().map(({ episode }) => episode.key),
    );
  });

  it("hands over other windows of stored episodes, as episodes of its own", async () => {
    const { url } = await startGenerator(() => false);
    const first = createContext(buildConfig(url));
    await predict(first);
    const run = async (context: string) => {
      const reuse = { episodesOf: "00000000-0000-4000-8000-000000000009", context };
      const made = createContext(buildConfig(url, { method: "s3", reuse }), { episodesOf: first });
      await predict(made);
      return made.records();
    };
    const [all, none] = [await run("no-select"), await run("no-both")];
    for (const [i, { episode }] of first.records().entries()) {
      const shown = episode.steps.flatMap((step) =>
        step.kind === "retrieve" ? step.documents.map(({ id }) => id) : [],
      );
      expect(all[i]!.episode.context.map(({ id }) => id)).toEqual(shown);
      expect(none[i]!.episode.context).toEqual([]);
      expect(new Set([episode, all[i]!.episode, none[i]!.episode].map(({ key }) => key)).size).toBe(
        3,
      );
    }
  });

  it("asks the questions that its seed draws", async () => {
    const { url, asked } = await startGenerator(() => false);
    const run = createContext(buildConfig(url, { limit: 4, sampleSeed: 42 }));
    await predict(run);
    const drawn = drawNumpySample(30, 4, 42).sort((a, b) => a - b);
    expect(run.records().map(({ episode }) => episode.questionId)).toEqual(
      drawn.map((i) => questions[i]!.id),
    );
    expect([...asked.keys()].filter((i) => i >= 0).sort((a, b) => a - b)).toEqual(drawn);
  });
});
