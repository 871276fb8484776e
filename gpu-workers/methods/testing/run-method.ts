import type { Episode, MethodName, Protocol } from "@/contracts/records/episode";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import { openMethod, openOwnModel } from "@/gpu-workers/methods/open-method";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";
import { ScriptedEndpoint, type ScriptedReply } from "@/gpu-workers/testing/scripted-endpoint";

const makeDocument = (id: string): RankedDocument => ({
  id,
  hash: `hash ${id}`,
  title: `Title (${id})`,
  text: `Text of ${id}.`,
  score: 1,
});
export const QUESTION: Question = {
  id: "q1",
  question: "Who wrote Hamlet?",
  answers: ["Shakespeare"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
};

/** Finds documents "QUERY 1", "QUERY 2", ..., and keeps what was asked. */
function createScriptedRetriever(): Retriever & { asked: [string, number][] } {
  const asked: [string, number][] = [];
  return {
    asked,
    search: (queries, k) =>
      Promise.resolve(
        queries.map(
          (query) => (
            asked.push([query, k]),
            Array.from({ length: k }, (_, i) => makeDocument(`${query} ${i + 1}`))
          ),
        ),
      ),
    getDocuments: (ids) => Promise.resolve(ids.map(makeDocument)),
    describe: () => ({ kind: "remote", key: "scripted", title: "scripted", documents: null }),
    close: () => Promise.resolve(),
  };
}

let endpoint: ScriptedEndpoint | null = null;

/** Ends the endpoint of the last run; for `afterEach`. */
export async function closeEndpoint(): Promise<void> {
  await endpoint?.close();
  endpoint = null;
}

export interface MethodRun {
  episode: Episode;
  endpoint: ScriptedEndpoint;
  asked: [string, number][];
  errors: string[];
  kinds: string[];
}

/** Runs a method on one question against known replies. */
export async function runMethod(
  method: MethodName,
  replies: readonly ScriptedReply[],
  options: {
    protocol?: Protocol;
    settings?: object;
    search?: object;
    api?: string;
    connection?: object;
    question?: Question;
  } = {},
): Promise<MethodRun> {
  await closeEndpoint();
  endpoint = await ScriptedEndpoint.start(replies);
  const config = predictConfigSchema.parse({
    kind: "predict",
    name: "test",
    seed: 7,
    method,
    methodSettings: options.settings ?? {},
    search: {
      protocol: options.protocol ?? "paper",
      retrieve: 2,
      select: 1,
      turns: 2,
      ...options.search,
    },
    searcher: {
      model: "m",
      endpoint: endpoint.url,
      api: options.api ?? "chat",
      connection: { retrySeconds: 0, ...options.connection },
    },
  });
  const retriever = createScriptedRetriever();
  const question = options.question ?? QUESTION;
  const signal = new AbortController().signal;
  const own = await openOwnModel(
    config,
    { signal, fetchCheckpoint: () => Promise.reject(new Error("no checkpoint here")) },
    null,
  );
  const opened = await openMethod(config, {
    context: { readAnsweredQuestions: () => Promise.resolve(new Map([["q1", 5]])) },
    retriever,
    own,
    questions: [question],
    documents: new DocumentStore(),
  });
  const [episode] = await opened.run([question], signal);
  return {
    episode: episode!,
    endpoint,
    asked: retriever.asked,
    errors: episode!.steps.flatMap((step) => (step.kind === "reject" ? [step.error] : [])),
    kinds: episode!.steps.map(({ kind }) => kind),
  };
}
/** Ids of the documents that an episode hands over. */
export const listContextIds = ({ context }: Episode): string[] => context.map(({ id }) => id);
/** All that the model was told in a call. */
export const readPrompt = (endpoint: ScriptedEndpoint, call: number): string =>
  endpoint.requests[call]!.body.messages!.map(({ content }) => content).join("\n");
/** The last message of a call: the assistant's turn so far. */
export const readLastMessage = (endpoint: ScriptedEndpoint, call: number): string =>
  endpoint.requests[call]!.body.messages!.at(-1)!.content;
