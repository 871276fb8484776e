import { answersItself, type ResultFacts } from "@/core/comparability/comparability";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { QuestionChoice } from "@/contracts/run-config/question-choice";

/** What of a stored result its facts are read from. */
export interface FactSources {
  questionSet: string;
  questionSetVersion: string;
  /** Questions of the whole set. */
  questions: number;
  corpus: string;
  corpusVersion: string | null;
  /** Days on which an online search fetched its documents, "2026-11-29 to 2026-11-30"; none: it searched a corpus. */
  fetchDays?: string | null;
  generator: string;
  promptStyle: string;
  scorer: string;
  importedFrom: string | null;
}

/** What the comparability of a stored result is decided by. */
export function buildResultFacts(config: PredictConfig, result: FactSources): ResultFacts {
  const {
    questionSet,
    questionSetVersion,
    questions,
    corpus,
    corpusVersion,
    fetchDays,
    generator,
    promptStyle,
    scorer,
    importedFrom,
  } = result;
  const own = answersItself(config);
  const answeredHere =
    importedFrom === null || (config.reuse.episodesOf !== null && !config.reuse.keepAnswers);
  const { maxTokens, thinking } = config.generator;
  const generated = !own && answeredHere;
  return {
    questionSet,
    questionSetVersion,
    ...getEffectiveChoice(config, questions),
    // The web is no corpus that a name and a version fix: its results are of the days on which they were fetched.
    ...(fetchDays
      ? { corpus: `web, fetched ${fetchDays}`, corpusVersion: null }
      : { corpus, corpusVersion }),
    generator,
    // The chat template writes it into the prompt. A scope that leaves it to the template keeps its key.
    promptStyle:
      generated && thinking !== undefined ? `${promptStyle}, thinking ${thinking}` : promptStyle,
    maxTokens: generated ? maxTokens : null,
    answersItself: own,
    scorer,
  };
}

/** What of a run's choice leaves questions out: a limit as large as the set is none, and draws no sample. */
export function getEffectiveChoice(
  { limit, sampleSeed, skipYesNo }: QuestionChoice,
  questions: number,
): Pick<ResultFacts, "limit" | "sampleSeed" | "skipYesNo"> {
  const limited = limit !== null && limit < questions;
  return {
    limit: limited ? limit : null,
    ...(limited && typeof sampleSeed === "number" && { sampleSeed }),
    ...(skipYesNo && { skipYesNo }),
  };
}
