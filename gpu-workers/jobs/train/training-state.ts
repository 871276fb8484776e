import { rm } from "node:fs/promises";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Generator } from "@/gpu-workers/llm/generator/generator";
import type { AlarmMonitor } from "@/gpu-workers/rl/alarm-monitor";
import { adaptKlCoefficient } from "@/gpu-workers/rl/algorithms/kl";
import {
  countSkippedInARow,
  type PolicyUpdate,
} from "@/gpu-workers/rl/policy-update/update-policy";
import type { QuestionPool } from "@/gpu-workers/rl/question-pool";
import {
  loadModels,
  readTrainerState,
  saveModels,
  writeTrainerState,
  type TrainerState,
} from "@/gpu-workers/rl/trainer-state";

/** The models that a run trains, in the engine. */
export interface TrainedModels {
  policy: EngineModel;
  /** Null where the algorithm has none. */
  critic: EngineModel | null;
}

/** What a run changes as it trains, beside the weights; its checkpoints hold both. */
export class TrainingState {
  /** Weight of the KL penalty, which may adapt. */
  klCoefficient: number;
  /** The models hold the KL's reference already: that of the run whose whole state this one goes on from. */
  hasReference = false;
  /** Steps in a row up to now that were skipped. */
  private skippedInARow = 0;

  constructor(
    private readonly config: TrainConfig,
    private readonly models: TrainedModels,
    private readonly pool: QuestionPool,
    /** Null where the method answers by itself. */
    private readonly generator: Generator | null,
    private readonly alarms: AlarmMonitor,
    private readonly signal: AbortSignal,
  ) {
    this.klCoefficient = config.rl.klCoefficient;
  }

  /**
   * Adapts the KL coefficient to the measured KL and counts skipped steps.
   *
   * @throws AppError where nothing was learned in too many steps in a row
   */
  recordUpdate(
    update: Pick<PolicyUpdate, "kl" | "skipped" | "learned">,
    episodeCount: number,
  ): void {
    if (update.kl !== null)
      this.klCoefficient = adaptKlCoefficient(
        this.klCoefficient,
        update.kl,
        episodeCount,
        this.config.rl,
      );
    this.skippedInARow = countSkippedInARow(this.skippedInARow, update);
  }

  /** Writes a checkpoint folder: the engine's state, then the trainer's. @returns the hash of the policy's weights */
  async save(directory: string, step: number): Promise<string> {
    await rm(directory, { recursive: true, force: true });
    const { policy, critic } = this.models;
    const hashes = await saveModels(directory, policy, critic, this.signal);
    await writeTrainerState(directory, {
      version: 2,
      step,
      cursor: this.pool.cursor,
      ...hashes,
      klCoefficient: this.klCoefficient,
      skipped: this.skippedInARow,
      answers: this.generator?.listAnswers() ?? [],
      alarms: this.alarms.state,
    });
    return hashes.weightsHash;
  }

  /** Goes on with everything that a checkpoint of this run holds. @returns the steps done */
  async restore(directory: string): Promise<number> {
    const state = await readTrainerState(directory);
    const { policy, critic } = this.models;
    await loadModels(directory, state, policy, critic, this.signal);
    this.branchFrom(state);
    this.skippedInARow = state.skipped;
    this.alarms.restore(state.alarms);
    return state.step;
  }

  /** Goes on where another run was in the questions, with its KL and the answers that it knew. */
  branchFrom(state: TrainerState): void {
    this.hasReference = true;
    this.pool.cursor = state.cursor;
    this.klCoefficient = state.klCoefficient ?? this.klCoefficient;
    this.generator?.addAnswers(state.answers);
  }
}
