import type { ClusterSum } from "@/core/statistics/bootstrap";
import type { ClusteredScores } from "@/core/statistics/ranks";

/** Scores of a run by the questions' order; NaN where there is none. */
export type QuestionScores = Float32Array;

const NONE = 255;

/** A byte a question where every score is 0 or 1, else four. See prisma/migrations/0007_leaderboard. */
export function encodeQuestionScores(scores: QuestionScores): Uint8Array<ArrayBuffer> {
  if (scores.every((value) => Number.isNaN(value) || value === 0 || value === 1))
    return Uint8Array.from(scores, (value) => (Number.isNaN(value) ? NONE : value));
  const bytes = new Uint8Array(scores.length * 4);
  const view = new DataView(bytes.buffer);
  scores.forEach((value, i) => view.setFloat32(i * 4, value, true));
  return bytes;
}

/** @param questions how many questions the set has: tells the two encodings apart */
export function decodeQuestionScores(bytes: Uint8Array, questions: number): QuestionScores {
  if (bytes.length === questions)
    return Float32Array.from(bytes, (value) => (value === NONE ? NaN : value));
  if (bytes.length !== questions * 4)
    throw new RangeError(`Scores of ${questions} questions cannot be ${bytes.length} bytes.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: questions }, (_, i) => view.getFloat32(i * 4, true));
}

/**
 * Sums per group of questions over those for which `getValue` gives a number. Questions without a group stand alone.
 * @param groups group of each question, -1: none
 */
export function sumByGroup(
  groups: Int32Array,
  getValue: (ordinal: number) => number,
): ClusterSum[] {
  const sumByNumber = new Map<number, ClusterSum>();
  const sums: ClusterSum[] = [];
  for (let i = 0; i < groups.length; i++) {
    const value = getValue(i);
    if (Number.isNaN(value)) continue;
    const group = groups[i]!;
    const known = group < 0 ? undefined : sumByNumber.get(group);
    if (known) {
      known.sum += value;
      known.count += 1;
      continue;
    }
    const added = { sum: value, count: 1 };
    sums.push(added);
    if (group >= 0) sumByNumber.set(group, added);
  }
  return sums;
}

/** Scores of several methods by cluster, over the questions that every one of them has scored. */
export function sumClusters(
  groups: Int32Array,
  scores: readonly QuestionScores[],
): ClusteredScores {
  const clusterByQuestion = new Int32Array(groups.length).fill(-1);
  const clusterByGroup = new Map<number, number>();
  let clusters = 0;
  for (let i = 0; i < groups.length; i++) {
    if (scores.some((of) => Number.isNaN(of[i]!))) continue;
    const group = groups[i]!;
    const known = group < 0 ? undefined : clusterByGroup.get(group);
    clusterByQuestion[i] = known ?? clusters++;
    if (group >= 0) clusterByGroup.set(group, clusterByQuestion[i]!);
  }
  const counts = new Float64Array(clusters);
  for (const cluster of clusterByQuestion) if (cluster >= 0) counts[cluster]! += 1;
  const sums = scores.map((of) => {
    const sum = new Float64Array(clusters);
    for (let i = 0; i < of.length; i++) {
      const cluster = clusterByQuestion[i]!;
      if (cluster >= 0) sum[cluster]! += of[i]!;
    }
    return sum;
  });
  return { counts, sums };
}

/** Group of each question as a number, in the order of first appearance; -1 where it names none. */
export function numberGroups(names: readonly (string | null)[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(names, (name) => {
    if (name === null) return -1;
    const known = numbers.get(name) ?? numbers.size;
    numbers.set(name, known);
    return known;
  });
}
