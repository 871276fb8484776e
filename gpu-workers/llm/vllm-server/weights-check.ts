import { AppError } from "@/contracts/errors";
import type { CallOptions, EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";

/** Plain text of which both programs tell the log-probabilities. What it says does not matter. */
const TEXT =
  "The river rises in the mountains, turns to the west and runs through three old towns before it reaches the sea. Ships carried salt and timber on it until the railway was built in 1872. Today most of its water is used for fields and gardens.";

/**
 * Mean difference of a token's log-probabilities that the two may have with the same weights. Measured in float32 with
 * vLLM's CPU build: 3e-5 at most. In the formats of 16 bits their kernels round after different operations.
 */
const TOLERANCE: Readonly<Record<string, number>> = { float32: 1e-3 };
const TOLERANCE_16_BITS = 0.1;

/** A change of the engine's own log-probabilities that is so many times the last difference is more than rounding. */
const CLEAR_CHANGE = 4;
/** Differences below are of single operations' rounding. */
const LEAST_NOISE = 1e-6;

/** What was found with the weights that the servers hold now. */
interface Accepted {
  engine: readonly number[];
  difference: number;
}

/** Mean absolute difference of two equally long lists. */
const computeDistance = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;

/**
 * Checks by the log-probabilities of one fixed text that a server samples with the engine's present weights. It finds
 * weights that are wrong beyond the tolerance, and, wherever the update moved the engine's log-probabilities by clearly
 * more than the two programs differ, also servers that still hold the weights before. A smaller update cannot be told from
 * rounding, and by the same measure changes the policy by no more than that.
 */
export class WeightsCheck {
  private readonly ids: number[];
  private readonly tolerance: number;
  private accepted: Accepted | null = null;

  /** @param dtype number format that both programs compute in */
  constructor(
    private readonly model: Pick<EngineModel, "forward">,
    tokenizer: Pick<Tokenizer, "encode">,
    dtype: string,
  ) {
    this.ids = tokenizer.encode(TEXT);
    this.tolerance = TOLERANCE[dtype] ?? TOLERANCE_16_BITS;
  }

  /**
   * Compares each server's log-probabilities with those of the engine's present weights.
   *
   * @param score gives those of one server for token ids, but of the first one
   * @throws AppError "sampler-unavailable" that names the server and the difference
   */
  async check(
    scores: readonly ((ids: readonly number[]) => Promise<number[]>)[],
    options: CallOptions,
  ): Promise<void> {
    const data = [{ ids: this.ids, weights: this.ids.map((_, i) => (i === 0 ? 0 : 1)) }];
    const [{ logprobs }, ...found] = await Promise.all([
      this.model.forward({ adapter: true, data }, options),
      ...scores.map((score) => score(this.ids)),
    ]);
    const engine = logprobs[0]!.slice(1);
    const differences = found.map((server) => computeDistance(server, engine));
    differences.forEach((difference, i) =>
      this.requireEqual(found[i]!, engine, difference, describeReplica(i, scores.length)),
    );
    this.accepted = { engine, difference: Math.max(...differences) };
  }

  private requireEqual(
    server: readonly number[],
    engine: readonly number[],
    difference: number,
    name: string,
  ): void {
    // Also where it is no number.
    if (!(difference <= this.tolerance))
      throw new AppError(
        "sampler-unavailable",
        `${name} does not compute with the weights that it was given: its log-probabilities differ from the engine's by ${difference.toPrecision(2)} a token on average, ${this.tolerance} is allowed. Set searcher.sampler to engine, or see whether this vLLM serves the model right.`,
      );
    if (this.accepted === null) return;
    const { engine: before, difference: noise } = this.accepted;
    const isClear = computeDistance(engine, before) > CLEAR_CHANGE * Math.max(noise, LEAST_NOISE);
    if (isClear && computeDistance(server, before) < difference)
      throw new AppError(
        "sampler-unavailable",
        `${name} still computes with the weights before the update: its log-probabilities differ from theirs by less than from those of the present weights.`,
      );
  }
}

const describeReplica = (index: number, count: number): string =>
  count === 1 ? "vLLM" : `vLLM's replica ${index + 1} of ${count}`;
