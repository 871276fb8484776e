import { dropUnusedSettings, trainsSearch } from "@/core/run/trained-method";
import { getAblation } from "@/contracts/run-config/scoring";
import { isDeepStrictEqual } from "node:util";
import { AppError } from "@/contracts/errors";
import { looksUpDocuments } from "@/contracts/run-config/retriever";
import type { CommandConfig } from "@/contracts/run-config/command-config";
import { parseRunIds } from "@/contracts/run-config/rl";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import type { ServeModelConfig } from "@/contracts/run-config/serve-config";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { answersItself } from "@/core/comparability/comparability";
import { describeFetchCommand } from "@/core/presets/question-presets";
import { METHODS } from "@/core/run/methods";
import { requirementsFor } from "@/core/run/requirements";
import { getRunModel } from "@/core/run/run-summary";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { selectCurrentCorpusVersion } from "@/server/features/corpora/queries";
import { listBaselineDifferences } from "./baseline-differences";
import { KnownNames } from "./known-names";
import { selectCheckpointConfig } from "./queries";

/** What is wrong with a setting, by its path. */
export interface ConfigurationIssue {
  path: string;
  message: string;
}

/** Checks what configurations refer to: corpora, question sets, checkpoints and other runs. */
export class ReferenceCheck {
  constructor(private readonly database: Database) {}

  /** @throws AppError "invalid-input" where the configuration names something that is not there */
  async requireAll(config: RunConfig): Promise<void> {
    const issues = await this.findIssues(config);
    if (issues.length > 0)
      throw new AppError(
        "invalid-input",
        `The configuration is not valid:\n${issues.map((issue) => `${issue.path}: ${issue.message}`).join("\n")}`,
      );
  }

  /** What is here by name: pass it to `findIssues` where several configurations are checked at once. */
  openNames(): KnownNames {
    return new KnownNames(this.database.db);
  }

  /** Finds everything that the configuration names and that is not there, or does not fit. */
  async findIssues(config: RunConfig, known = this.openNames()): Promise<ConfigurationIssue[]> {
    const issues: ConfigurationIssue[] = [];
    const corpusPath = config.kind === "train" ? "data.corpus" : "corpus";
    for (const corpus of requirementsFor(config).corpora)
      if (!(await known.hasCorpus(corpus)))
        issues.push({ path: corpusPath, message: `there is no corpus "${corpus}"` });
    switch (config.kind) {
      case "train":
        issues.push(...(await this.findTrainingIssues(config, known)));
        break;
      case "predict":
        issues.push(...(await this.findPredictionIssues(config, known)));
        break;
      case "evaluate":
        issues.push(
          ...(await findQuestionIssues(
            known,
            "questions",
            config.questions,
            "so a retriever cannot be measured on them",
          )),
        );
        break;
      case "serve":
        if (config.what === "model" && config.checkpoint !== null)
          issues.push(...(await this.findCheckpointIssues(config.checkpoint, config)));
        break;
      case "external":
        issues.push({
          path: "kind",
          message:
            "an external run is made by its trainer, which reports to this server's address (docs/guides/external-runs.md); to launch a trainer here, make it a run of kind command",
        });
        break;
      case "command":
        issues.push(...(await this.findCommandIssues(config, known)));
        break;
      case "index":
        break;
    }
    return issues;
  }

  private async findCommandIssues(
    { experiment: name, rollouts }: CommandConfig,
    known: KnownNames,
  ): Promise<ConfigurationIssue[]> {
    const issues: ConfigurationIssue[] = [];
    const found = await this.database.db.experiment.findUnique({
      where: { projectId_name: { projectId: DEFAULT_PROJECT, name } },
      select: { deletedAt: true },
    });
    // Its trainer could create no run there.
    if (found !== null && found.deletedAt !== null)
      issues.push({
        path: "experiment",
        message: `experiment "${name}" is deleted: restore it, or name another one`,
      });
    if (rollouts.folder !== "" || rollouts.validationFolder)
      issues.push(
        ...(await findQuestionIssues(known, "rollouts.questions", rollouts.questions, null)),
      );
    if (rollouts.validationFolder && rollouts.validationQuestions)
      issues.push(
        ...(await findQuestionIssues(
          known,
          "rollouts.validationQuestions",
          rollouts.validationQuestions,
          null,
        )),
      );
    return issues;
  }

  private async findTrainingIssues(
    whole: TrainConfig,
    known: KnownNames,
  ): Promise<ConfigurationIssue[]> {
    const config = dropUnusedSettings(whole);
    const { data, reward, coldStart, evaluation, searcher } = config;
    const issues = await findQuestionIssues(
      known,
      "data.trainQuestions",
      data.trainQuestions,
      null,
    );
    if ((await known.countGoldQuestions(data.trainQuestions)) === 0) {
      const noGold = `the questions of "${data.trainQuestions}" name no gold documents`;
      if (reward.weights.goldRecall !== 0)
        issues.push({ path: "reward.weights.goldRecall", message: `${noGold}; set it to 0` });
      else if (coldStart.demonstrations > 0 && trainsSearch(config))
        issues.push({
          path: "coldStart.demonstrations",
          message: `${noGold} to demonstrate; set it to 0`,
        });
    }
    if (evaluation.questions > 0)
      issues.push(
        ...(await findQuestionIssues(known, "data.heldOutQuestions", data.heldOutQuestions, null)),
      );
    if (searcher.checkpoint !== null)
      issues.push(...(await this.findCheckpointIssues(searcher.checkpoint, config)));
    for (const runId of parseRunIds(config.rl.ragRuns))
      issues.push(...(await this.findBaselineIssues(runId, config)));
    return issues;
  }

  /** Imported files do not say what they were made with, so of their runs only the method is checked. */
  private async findBaselineIssues(
    runId: string,
    config: TrainConfig,
  ): Promise<ConfigurationIssue[]> {
    const path = "rl.ragRuns";
    const row = await this.database.db.run.findUnique({
      where: { id: runId },
      select: { config: true, executor: true, corpusVersion: true },
    });
    if (!row) return [{ path, message: `there is no run ${runId}` }];
    const run = runConfigSchema.parse(row.config);
    if (run.kind !== "predict" || run.method !== "rag")
      return [
        {
          path,
          message: `run ${runId} is no naive RAG: name predict runs of method rag, e.g. of an imported rag_cache.json`,
        },
      ];
    if (row.executor === "external") return [];
    const differences = listBaselineDifferences(run, config, {
      source: row.corpusVersion,
      present: await selectCurrentCorpusVersion(this.database.db, config.data.corpus),
    });
    if (differences.length === 0) return [];
    return [
      {
        path,
        message: `run ${runId} is naive RAG of another kind than this run's, so the gain would be measured against something else: ${differences.join("; ")}. Give this run the same settings, name a predict run of method rag that has them, or leave rl.ragRuns empty`,
      },
    ];
  }

  private async findPredictionIssues(
    config: PredictConfig,
    known: KnownNames,
  ): Promise<ConfigurationIssue[]> {
    const { method, questions, retriever, reuse, matchRun, searcher } = config;
    const issues = await findQuestionIssues(
      known,
      "questions",
      questions,
      method === "gold" ? "so there is no ceiling to measure" : null,
    );
    if (method === "gold" && !looksUpDocuments(retriever))
      issues.push({
        path: "retriever.kind",
        message:
          "this retriever cannot look documents up by their ids, so it has no gold documents to hand over; choose one that holds the corpus, e.g. bm25",
      });
    if (reuse.episodesOf !== null) {
      // Stored episodes need their checkpoint no more.
      issues.push(...(await this.findReuseIssues(reuse.episodesOf, config)));
      return issues;
    }
    if (matchRun !== null) issues.push(...(await this.findMatchIssues(matchRun, questions)));
    if (searcher.checkpoint !== null)
      issues.push(...(await this.findCheckpointIssues(searcher.checkpoint, config)));
    return issues;
  }

  /**
   * Gives a run on stored episodes the settings that made them, whatever its own were, so that what is stored and
   * listed of it is true. Every other configuration stays as it is.
   */
  async applyReusedSettings(config: RunConfig): Promise<RunConfig> {
    if (config.kind !== "predict" || config.reuse.episodesOf === null) return config;
    const source = await this.readConfig(config.reuse.episodesOf);
    return source?.kind === "predict" ? withReusedSettings(config, source) : config;
  }

  private async findReuseIssues(
    runId: string,
    config: PredictConfig,
  ): Promise<ConfigurationIssue[]> {
    const source = await this.readConfig(runId);
    if (!source) return [{ path: "reuse.episodesOf", message: `there is no run ${runId}` }];
    if (source.kind !== "predict")
      return [{ path: "reuse.episodesOf", message: "must be a predict run" }];
    const wanted = withReusedSettings(config, source);
    const [ablation, before] = [getAblation(config.reuse), getAblation(source.reuse)];
    if (ablation !== null && ablation !== before && (before !== null || config.reuse.keepAnswers))
      return [
        {
          path: "reuse.context",
          message:
            before !== null
              ? `that run's episodes are ${before} already: name the run that searched`
              : "its answers were given from the selected documents: set keepAnswers to false",
        },
      ];
    return [
      ...(["method", "questions", "corpus"] as const)
        .filter((key) => source[key] !== config[key])
        .map((key) => ({
          path: key,
          message: `is "${source[key]}" in the run whose episodes are reused; give the same`,
        })),
      // A run that is queued without `launch` does not get these settings by itself.
      ...MADE_BY.filter((key) => !isDeepStrictEqual(wanted[key], config[key])).map((key) => ({
        path: key,
        message: "is not what the run whose episodes are reused has; give the same",
      })),
    ];
  }

  private async readConfig(runId: string): Promise<RunConfig | undefined> {
    const row = await this.database.db.run.findUnique({
      where: { id: runId },
      select: { config: true },
    });
    return row ? runConfigSchema.parse(row.config) : undefined;
  }

  private async findMatchIssues(runId: string, questions: string): Promise<ConfigurationIssue[]> {
    const other = await this.readConfig(runId);
    if (!other) return [{ path: "matchRun", message: `there is no run ${runId}` }];
    if (other.kind !== "predict" || !METHODS[other.method].retrieves)
      return [{ path: "matchRun", message: "must be a predict run of a method that searches" }];
    if (other.questions !== questions)
      return [{ path: "matchRun", message: `answered "${other.questions}", not "${questions}"` }];
    return [];
  }

  private async findCheckpointIssues(
    artifactId: string,
    config: TrainConfig | PredictConfig | ServeModelConfig,
  ): Promise<ConfigurationIssue[]> {
    const path = config.kind === "serve" ? "checkpoint" : "searcher.checkpoint";
    const row = await selectCheckpointConfig(this.database.db, artifactId);
    if (!row)
      return [{ path, message: `there is no checkpoint ${artifactId}, or it is no longer kept` }];
    const source = runConfigSchema.parse(row.config);
    const trained = getRunModel(source);
    const wanted = config.kind === "serve" ? config.model : config.searcher.model;
    if (trained !== wanted)
      return [{ path, message: `is of the model ${trained ?? "(none)"}, not ${wanted}` }];
    // A predict run uses the adapter's shape of the checkpoint; a training run goes on from it, so its own must be the same.
    return config.kind === "train" && source.kind === "train"
      ? findBranchIssues(config, source)
      : [];
  }
}

/** @param needsGold what is impossible without gold documents; null: they are not needed */
async function findQuestionIssues(
  known: KnownNames,
  path: string,
  name: string,
  needsGold: string | null,
): Promise<ConfigurationIssue[]> {
  const withGold = await known.countGoldQuestions(name);
  if (withGold === null) {
    const fetching = describeFetchCommand(name);
    const advice = fetching === null ? "" : `: ${fetching}`;
    return [{ path, message: `there is no question set "${name}"${advice}` }];
  }
  if (needsGold === null || withGold > 0) return [];
  return [
    { path, message: `the questions of "${name}" name no gold documents (goldIds), ${needsGold}` },
  ];
}

/** Settings that stored episodes, and kept answers, were made by. */
const MADE_BY = [
  "retriever",
  "search",
  "searcher",
  "methodSettings",
  "documents",
  "matchRun",
  "generator",
] as const;

/** A configuration on the episodes of another run, with the settings that made those; for kept answers, also with their generator. */
function withReusedSettings(config: PredictConfig, source: PredictConfig): PredictConfig {
  const { retriever, search, searcher, methodSettings, documents, matchRun } = source;
  const { keepAnswers } = config.reuse;
  const answeredBy = keepAnswers && answersItself(source) ? "method" : "generator";
  // An ablated episode answered again stays ablated.
  const context = getAblation(config.reuse) ?? getAblation(source.reuse);
  return {
    ...config,
    ...(context !== null && { reuse: { ...config.reuse, context } }),
    retriever,
    search,
    searcher,
    documents,
    matchRun,
    methodSettings: { ...methodSettings, answeredBy },
    ...(keepAnswers && { generator: source.generator }),
  };
}

/** Finds why a training run cannot go on from a checkpoint of another. */
function findBranchIssues(
  { searcher, rl }: TrainConfig,
  source: TrainConfig,
): ConfigurationIssue[] {
  const shape = ({ tuning, adapter }: TrainConfig["searcher"]): string =>
    tuning === "full"
      ? `full from layer ${adapter.firstLayer}`
      : `lora of rank ${adapter.rank}, alpha ${adapter.alpha}, from layer ${adapter.firstLayer}`;
  if (shape(searcher) !== shape(source.searcher))
    return [
      {
        path: "searcher.checkpoint",
        message: `was trained as ${shape(source.searcher)}, not as ${shape(searcher)}; give the same`,
      },
    ];
  const needsCritic =
    searcher.checkpointState === "all" && rl.algorithm === "ppo" && source.rl.algorithm !== "ppo";
  return needsCritic
    ? [
        {
          path: "searcher.checkpointState",
          message: `there is no critic in a checkpoint of ${source.rl.algorithm}; take the weights alone`,
        },
      ]
    : [];
}
