import { isDeepStrictEqual } from "node:util";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { TrainConfig } from "@/contracts/run-config/train-config";

/** Versions of the corpora, by their content; null where one is not known. */
interface CorpusVersions {
  /** That the naive-RAG run searched. */
  source: string | null;
  /** That a run would search now. */
  present: string | null;
}

/**
 * What makes the answers of a naive-RAG run others than those that a training run's own naive RAG gives; empty where
 * they are the same. The generator's model is not compared: the worker warns of another one. Pure.
 */
export function listBaselineDifferences(
  source: PredictConfig,
  train: TrainConfig,
  versions: CorpusVersions,
): string[] {
  const { corpus } = train.data;
  const { generator } = train;
  const found: string[] = [];
  if (source.corpus !== corpus)
    found.push(`it searched corpus "${source.corpus}", here "${corpus}" (data.corpus)`);
  else if (
    versions.source !== null &&
    versions.present !== null &&
    versions.source !== versions.present
  )
    found.push(
      `it searched version ${shorten(versions.source)} of corpus "${corpus}", which is ${shorten(versions.present)} now`,
    );
  found.push(...listRetrieverDifferences(source.retriever, train.retriever));
  if (source.matchRun !== null)
    found.push(
      `it handed over as many documents as run ${source.matchRun} did, here ${generator.ragDocuments} (generator.ragDocuments)`,
    );
  else if (source.documents !== generator.ragDocuments)
    found.push(
      `it handed over ${source.documents} documents, here ${generator.ragDocuments} (generator.ragDocuments)`,
    );
  if (source.generator.promptStyle !== generator.promptStyle)
    found.push(
      `its prompt is "${source.generator.promptStyle}", here "${generator.promptStyle}" (generator.promptStyle)`,
    );
  else if (source.generator.promptTemplate !== generator.promptTemplate)
    found.push("its prompt has another text (generator.promptTemplate)");
  else if ((source.generator.documentTemplate ?? null) !== (generator.documentTemplate ?? null))
    found.push("its prompt shows documents in another form (generator.documentTemplate)");
  if (source.generator.maxTokens !== generator.maxTokens)
    found.push(
      `its answers end after ${source.generator.maxTokens} tokens, here ${generator.maxTokens} (generator.maxTokens)`,
    );
  const [before, now] = [source.generator, generator].map(({ thinking }) => thinking ?? "template");
  if (before !== now)
    found.push(`its generator's thinking is ${before}, here ${now} (generator.thinking)`);
  return found;
}

const shorten = (version: string): string => version.slice(0, 8);

function listRetrieverDifferences(source: RetrieverConfig, own: RetrieverConfig): string[] {
  if (source.kind !== own.kind)
    return [`its retriever is ${source.kind}, here ${own.kind} (retriever.kind)`];
  const [before, now] = [source, own].map(
    (config) => new Map<string, unknown>(Object.entries(config)),
  );
  const names = [...new Set([...before!.keys(), ...now!.keys()])];
  return names
    .filter((name) => !isDeepStrictEqual(before!.get(name), now!.get(name)))
    .map(
      (name) =>
        `its retriever has ${name} ${describe(before!.get(name))}, here ${describe(now!.get(name))} (retriever.${name})`,
    );
}

const describe = (value: unknown): string => JSON.stringify(value) ?? "none";
