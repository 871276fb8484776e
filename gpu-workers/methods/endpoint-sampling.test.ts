import { afterEach, describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { ScriptedEndpoint } from "@/gpu-workers/testing/scripted-endpoint";
import { openMethod, openOwnModel, probeOwnModel } from "./open-method";

const { signal } = new AbortController();
const QUESTION: Question = {
  id: "q",
  question: "Capital of Peru?",
  answers: ["Lima"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
};
let endpoint: ScriptedEndpoint | undefined;
afterEach(() => endpoint?.close());

/** An endpoint that refuses one parameter, in the words of OpenAI's API. */
async function startRefusingEndpoint(parameter: string | null): Promise<void> {
  endpoint = await ScriptedEndpoint.start(({ body }) =>
    parameter !== null && parameter in body
      ? {
          status: 400,
          body: JSON.stringify({
            error: { message: `Unsupported parameter: '${parameter}'`, param: parameter },
          }),
        }
      : "Lima",
  );
}

const buildConfig = (methodSettings: object) =>
  predictConfigSchema.parse({
    kind: "predict",
    name: "p",
    method: "direct",
    methodSettings,
    searcher: { model: "m", endpoint: endpoint!.url, connection: { retrySeconds: 0 } },
  });

async function ask(methodSettings: object) {
  const config = buildConfig(methodSettings);
  const fetchCheckpoint = () => Promise.reject(new Error("there is none"));
  const own = await openOwnModel(config, { signal, fetchCheckpoint }, null);
  const method = await openMethod(config, {
    context: { readAnsweredQuestions: () => Promise.resolve(new Map()) },
    retriever: null,
    own,
    questions: [QUESTION],
    documents: new DocumentStore(),
  });
  return (await method.run([QUESTION], signal))[0]!;
}

const SAMPLING = new Set(["temperature", "top_p", "top_k", "repetition_penalty"]);
const listSampling = (): unknown[] =>
  endpoint!.requests.map(({ body }) =>
    Object.fromEntries(Object.entries(body).filter(([name]) => SAMPLING.has(name))),
  );

describe("sampling at an endpoint", () => {
  it.each([
    [{}, { temperature: 0 }],
    [{ temperature: 0.7 }, { temperature: 0.7 }],
    [
      { temperature: 0.7, topP: 1 },
      { temperature: 0.7, top_p: 1 },
    ],
    [
      { temperature: 0.7, topP: 0.9, topK: 20, repetitionPenalty: 1.1 },
      { temperature: 0.7, top_p: 0.9, top_k: 20, repetition_penalty: 1.1 },
    ],
  ])("of %o is asked in the check as in the run: %o", async (settings, expected) => {
    await startRefusingEndpoint(null);
    await probeOwnModel(buildConfig(settings), signal, {});
    await ask(settings);
    expect(listSampling()).toEqual([expected, expected]);
  });

  it("with a set top p of 1 makes other episodes than with the server's default", async () => {
    await startRefusingEndpoint(null);
    const [left, set] = [await ask({ temperature: 0.7 }), await ask({ temperature: 0.7, topP: 1 })];
    expect(left.key).not.toBe(set.key);
  });

  it.each([
    ["top_p", { topP: 0.9 }, "top_p 0.9 (methodSettings.topP)"],
    ["top_k", { topK: 20 }, "top_k 20 (methodSettings.topK)"],
    [
      "repetition_penalty",
      { repetitionPenalty: 1.1 },
      "repetition_penalty 1.1 (methodSettings.repetitionPenalty)",
    ],
  ])("that is set is never left out: a refused %s is an error", async (name, set, said) => {
    await startRefusingEndpoint(name);
    const settings = { temperature: 0.7, ...set };
    // Before and after a run without the setting has met the server.
    for (const attempt of [1, 2]) {
      const error = expect.objectContaining({
        code: "generator-unavailable",
        message: expect.stringContaining(`it refuses ${said}`) as unknown,
      }) as unknown;
      await expect(ask(settings), `run ${attempt}`).rejects.toEqual(error);
      await expect(probeOwnModel(buildConfig(settings), signal, {})).rejects.toEqual(error);
      expect((await ask({ temperature: 0.7 })).ownAnswer?.text).toBe("Lima");
    }
  });
});
