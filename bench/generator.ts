import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { generatorSchema } from "@/contracts/run-config/generator";
import type { Question } from "@/contracts/worker-protocol/questions";
import { hashDocument } from "@/core/episode/document-hash";
import { scoreSpan } from "@/core/scoring/rule-scoring";
import { LLAMA_MODEL, LlamaServer } from "@/gpu-workers/llm/endpoint/testing/llama-server";
import { openGenerator } from "@/gpu-workers/llm/generator/open-generator";
import type { Generator } from "@/gpu-workers/llm/generator/generator";
import type { GenerationRequest } from "@/gpu-workers/llm/generator/prompt-style";
import { readAtlasQuestions, LocalServices } from "@/gpu-workers/testing/memory-context";
import { chunk } from "@/lib/chunk";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import {
  buildBar,
  describeMachine,
  printBars,
  printTable,
  type BenchResult,
} from "@/bench/report/report";

/**
 * Would llama.cpp serve the default's frozen generator faster than the worker's engine? Both answer the same held-out
 * questions of Atlas from their gold documents, batch by batch in turn, with the same prompts: llama.cpp from the
 * quantised file (Q4_1), the engine from the same weights as float32.
 */
const BATCH = 32;
const BATCHES = 6;
const DOCUMENTS = 3;

const signal = new AbortController().signal;
const nowhere = {
  findAnswers: () => Promise.resolve(new Map()),
  saveAnswers: () => Promise.resolve(),
};
const documentSchema = z.object({ id: z.string(), title: z.string(), text: z.string() });

interface Side {
  name: string;
  generator: Generator;
  seconds: number[];
  answers: string[];
}

export async function measureGenerators(): Promise<BenchResult> {
  const services = new LocalServices();
  const server = await LlamaServer.start();
  try {
    const sides = await openSides(services, server);
    const { questions, requests } = await buildRequests();
    for (const batch of [requests.slice(0, 4), ...chunk(requests.slice(4), BATCH)])
      for (const side of sides) await answerBatch(side, batch);
    return report(sides, questions);
  } finally {
    await server.kill();
    await services.close();
  }
}

async function openSides(services: LocalServices, server: LlamaServer): Promise<Side[]> {
  const { value: engine } = await services.acquireEngine();
  const settings = { promptStyle: "few-shot", maxTokens: 12, ragDocuments: DOCUMENTS };
  const own = generatorSchema.parse({ ...settings, model: "smollm2-135m-instruct" });
  const served = generatorSchema.parse({ ...settings, model: LLAMA_MODEL, endpoint: server.url });
  const endpoint = { apiKey: LlamaServer.key };
  const open = async (name: string, generator: Promise<Generator>): Promise<Side> => ({
    ...{ name, generator: await generator, seconds: [], answers: [] },
  });
  return [
    await open("engine", openGenerator(engine, own, nowhere, signal)),
    await open("llama.cpp", openGenerator(null, served, nowhere, signal, { endpoint })),
  ];
}

/** Questions with their gold documents, filled up with others of the corpus to what naive RAG hands over. */
async function buildRequests(): Promise<{ questions: Question[]; requests: GenerationRequest[] }> {
  const lines = (await readFile(join(ATLAS_DIR, "corpus.jsonl"), "utf8")).split("\n");
  const documents = lines
    .filter(Boolean)
    .map((line) => documentSchema.parse(JSON.parse(line)))
    .map((document) => ({ ...document, hash: hashDocument(document) }));
  const questions = (await readAtlasQuestions("atlas/held-out")).slice(0, 4 + BATCH * BATCHES);
  const requests = questions.map(({ question, goldIds }, i) => {
    const gold = documents.filter(({ id }) => goldIds?.includes(id));
    const others = documents.slice(7 * i, 7 * i + DOCUMENTS - gold.length);
    return { question, documents: [...gold, ...others] };
  });
  return { questions, requests };
}

/** The first batch of a side is its warm-up: its time is the first of `seconds`, and left out of the report. */
async function answerBatch(side: Side, batch: readonly GenerationRequest[]): Promise<void> {
  const start = performance.now();
  const answers = await side.generator.answer(batch, signal);
  side.seconds.push((performance.now() - start) / 1000);
  side.answers.push(...answers.map(({ text }) => text.trim()));
}

function report(sides: readonly Side[], questions: readonly Question[]): BenchResult {
  const [own, served] = sides.map(({ name, seconds, answers }) => ({
    name,
    questionsPerSecond:
      (BATCH * BATCHES) / seconds.slice(1).reduce((sum, second) => sum + second, 0),
    accuracy:
      answers.filter((answer, i) => scoreSpan(answer, questions[i]!.answers) === 1).length /
      answers.length,
    answers,
  }));
  if (!own || !served) throw new Error("Two sides are compared.");
  const equal = own.answers.filter((answer, i) => answer === served.answers[i]).length;
  printTable([
    ["generator", "questions a second", "accuracy"],
    ...[own, served].map(({ name, questionsPerSecond, accuracy }) => [
      ...[name, questionsPerSecond.toFixed(2), accuracy.toFixed(3)],
    ]),
  ]);
  const bars = [
    buildBar(
      "questions a second, engine against llama.cpp",
      own.questionsPerSecond / served.questionsPerSecond,
      "times",
      ">=",
      1,
    ),
  ];
  printBars(bars);
  return {
    bench: "generator",
    at: new Date().toISOString(),
    machine: describeMachine(),
    questions: questions.length,
    sides: [own, served].map(({ answers: _answers, ...figures }) => figures),
    equalAnswers: equal / questions.length,
    bars,
  };
}
