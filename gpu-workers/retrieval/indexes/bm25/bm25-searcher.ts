import { BLOCK, COUNT_LIMIT } from "./index-format";
import type { Postings } from "./postings-file";

/** BM25's two constants (contracts/run-config/retriever.ts). */
export interface Bm25Constants {
  k1: number;
  b: number;
}

/** Rows best first, equal scores by row, and their scores. */
export interface Ranking {
  rows: Uint32Array<ArrayBuffer>;
  scores: Float64Array<ArrayBuffer>;
}

/** What a search needs of an index. */
export interface SearchedIndex {
  find(term: string): Postings | null;
  /** Terms of each document. */
  lengths: Uint32Array;
}

/** Documents that are scored together: their sums stay in the core's cache. */
const WINDOW = 4096;

/** A query's term within the scan of the documents. */
interface TermPostings extends Postings {
  /** Inverse document frequency times the term's count in the query. */
  weight: number;
  /** First posting in or after the current window, and first one behind it. */
  at: number;
  end: number;
  /** No document of the window gets more from this term. */
  bound: number;
}

/** Lucene's inverse document frequency: positive for every term that occurs. */
export function computeInverseDocumentFrequency(documents: number, withTerm: number): number {
  return Math.log(1 + (documents - withTerm + 0.5) / (withTerm + 0.5));
}

/**
 * Exact BM25 search, Lucene's formula with exact lengths: the sum over the query's terms of
 * idf * tf / (tf + k1 * (1 - b + b * length / mean length)).
 *
 * MaxScore by windows (Turtle and Flood 1995; the scheme of Lucene's bulk scorer): in each window of rows, the terms
 * that together cannot lift a document into the top k are only looked up for documents that another term brought in,
 * and windows whose bounds stay below the k-th score are passed over. Contributions are rounded to multiples of a
 * power of two that sums without error, so that a score does not depend on the order of its terms and equal documents
 * get equal scores.
 */
export class Bm25Searcher {
  private readonly mean: number;
  private readonly sums = new Float64Array(WINDOW);
  private readonly marks = new Int32Array(WINDOW / 32);
  private norms: { k1: number; b: number; values: Float32Array } | null = null;

  constructor(private readonly index: SearchedIndex) {
    let total = 0;
    for (const length of index.lengths) total += length;
    this.mean = total > 0 ? total / index.lengths.length : 1;
  }

  /**
   * The k best of the documents that have a term of the query (and are among `allowed`, a set of rows as bits).
   * @param terms each with its count in the query.
   */
  search(
    terms: ReadonlyMap<string, number>,
    k: number,
    constants: Bm25Constants,
    allowed: Uint32Array | null = null,
  ): Ranking {
    const documents = this.index.lengths.length;
    const lists: TermPostings[] = [];
    for (const [term, count] of terms) {
      const postings = this.index.find(term);
      if (postings)
        lists.push({
          rows: postings.rows,
          counts: postings.counts,
          bounds: postings.bounds,
          weight: count * computeInverseDocumentFrequency(documents, postings.rows.length),
          at: 0,
          end: 0,
          bound: 0,
        });
    }
    const top = new TopRows(Math.max(0, Math.min(k, documents)));
    if (lists.length === 0 || top.capacity <= 0) return top.toRanking();
    const norms = this.computeNorms(constants);
    const quantum =
      2 ** (Math.ceil(Math.log2(lists.reduce((sum, { weight }) => sum + weight, 0))) - 44);
    this.scanWindows(lists, top, constants, norms, quantum, allowed);
    return top.toRanking();
  }

  private scanWindows(
    lists: TermPostings[],
    top: TopRows,
    constants: Bm25Constants,
    norms: Float32Array,
    quantum: number,
    allowed: Uint32Array | null,
  ): void {
    // Adding and taking off this number rounds to multiples of the quantum.
    const round = 1.5 * 2 ** 52 * quantum;
    const { sums, marks } = this;
    const limits = new Float64Array(lists.length + 1);
    for (;;) {
      let next = Infinity;
      for (const { rows, at } of lists) {
        const row = rows[at];
        if (row !== undefined && row < next) next = row;
      }
      if (next === Infinity) return;
      const base = next - (next % WINDOW);
      for (const list of lists) this.enterWindow(list, base + WINDOW, constants, round, quantum);
      sortByBound(lists);
      let optional = 0;
      for (let i = 0; i < lists.length; i++) {
        limits[i + 1] = (limits[i] ?? 0) + (lists[i]?.bound ?? 0);
        if ((limits[i + 1] ?? 0) < top.threshold) optional = i + 1;
      }
      if (optional < lists.length) {
        for (let i = optional; i < lists.length; i++)
          accumulate(lists[i] as TermPostings, base, norms, round, sums, marks);
        for (let w = 0; w < marks.length; w++) {
          let bits = marks[w] ?? 0;
          if (bits === 0) continue;
          marks[w] = 0;
          for (; bits !== 0; bits &= bits - 1) {
            const place = w * 32 + 31 - Math.clz32(bits & -bits);
            const row = base + place;
            let score = sums[place] as number;
            sums[place] = 0;
            if (score + (limits[optional] as number) < top.threshold) continue;
            if (allowed && ((allowed[row >>> 5] ?? 0) & (1 << (row & 31))) === 0) continue;
            let i = optional - 1;
            for (; i >= 0; i--) {
              if (score + (limits[i + 1] ?? 0) < top.threshold) break;
              score += computeContribution(lists[i] as TermPostings, row, norms, round);
            }
            if (i < 0) top.offer(row, score);
          }
        }
      }
      for (const list of lists) list.at = list.end;
    }
  }

  /** Finds a list's postings of the window that ends before `endRow`, and what a document can get from them at most. */
  private enterWindow(
    list: TermPostings,
    endRow: number,
    { k1, b }: Bm25Constants,
    round: number,
    quantum: number,
  ): void {
    list.end = findFirst(list.rows, list.at, list.rows.length, endRow);
    list.bound = 0;
    if (list.end === list.at) return;
    let most = 0;
    if (list.bounds) {
      for (let block = Math.floor(list.at / BLOCK); block * BLOCK < list.end; block++) {
        const bound = list.bounds[block] ?? 0;
        const count = bound & 0xff;
        const norm = Math.fround(k1 * (1 - b + (b * (bound >>> 8)) / this.mean));
        most = Math.max(
          most,
          count === COUNT_LIMIT ? list.weight : (list.weight * count) / (count + norm),
        );
      }
    } else {
      most = list.weight;
    }
    // Two quanta more than rounding can add.
    list.bound = most + round - round + 2 * quantum;
  }

  /** k1 * (1 - b + b * length / mean) of every document. */
  private computeNorms({ k1, b }: Bm25Constants): Float32Array {
    if (this.norms?.k1 !== k1 || this.norms.b !== b) {
      const values = this.norms?.values ?? new Float32Array(this.index.lengths.length);
      for (let row = 0; row < values.length; row++)
        values[row] = k1 * (1 - b + (b * (this.index.lengths[row] ?? 0)) / this.mean);
      this.norms = { k1, b, values };
    }
    return this.norms.values;
  }
}

/** Adds a list's contributions of the window to the sums and marks the documents that got one. */
function accumulate(
  { rows, counts, weight, at, end }: TermPostings,
  base: number,
  norms: Float32Array,
  round: number,
  sums: Float64Array,
  marks: Int32Array,
): void {
  for (let i = at; i < end; i++) {
    const row = rows[i] as number;
    const count = counts[i] as number;
    const place = row - base;
    sums[place] =
      (sums[place] as number) +
      ((weight * count) / (count + (norms[row] as number)) + round - round);
    marks[place >>> 5] = (marks[place >>> 5] as number) | (1 << (place & 31));
  }
}

/** What a document gets from a list; rows must be asked for in ascending order within a window. */
function computeContribution(
  list: TermPostings,
  row: number,
  norms: Float32Array,
  round: number,
): number {
  list.at = findFirst(list.rows, list.at, list.end, row);
  if (list.at === list.end || list.rows[list.at] !== row) return 0;
  const count = list.counts[list.at] ?? 0;
  return (list.weight * count) / (count + (norms[row] ?? 0)) + round - round;
}

/** First place in [from, end) whose row is at least `row`, else `end`; fast where it is near. */
function findFirst(rows: Int32Array, from: number, end: number, row: number): number {
  let low = from;
  let step = 1;
  while (low + step <= end && (rows[low + step - 1] as number) < row) {
    low += step;
    step *= 2;
  }
  let high = Math.min(low + step, end);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Lowest bound first; the order changes little from window to window. */
function sortByBound(lists: TermPostings[]): void {
  if (lists.length > 64) {
    lists.sort((a, b) => a.bound - b.bound);
    return;
  }
  for (let i = 1; i < lists.length; i++) {
    const list = lists[i] as TermPostings;
    let k = i - 1;
    for (; k >= 0 && (lists[k] as TermPostings).bound > list.bound; k--)
      lists[k + 1] = lists[k] as TermPostings;
    lists[k + 1] = list;
  }
}

/** The best rows so far: a heap with the worst on top. */
class TopRows {
  private readonly rows: Int32Array;
  private readonly scores: Float64Array;
  private size = 0;
  /** What a document must at least score to come in; -1 while there is room. */
  threshold = -1;

  constructor(readonly capacity: number) {
    this.rows = new Int32Array(capacity);
    this.scores = new Float64Array(capacity);
  }

  offer(row: number, score: number): void {
    const { rows, scores } = this;
    if (this.size < this.capacity) {
      let i = this.size++;
      for (let up = (i - 1) >> 1; i > 0 && this.isWorse(row, score, up); up = (i - 1) >> 1) {
        this.move(up, i);
        i = up;
      }
      rows[i] = row;
      scores[i] = score;
      if (this.size === this.capacity) this.threshold = scores[0] as number;
      return;
    }
    if (this.isWorse(row, score, 0)) return;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= this.capacity) break;
      if (
        down + 1 < this.capacity &&
        this.isWorse(rows[down + 1] as number, scores[down + 1] as number, down)
      )
        down += 1;
      if (this.isWorse(row, score, down)) break;
      this.move(down, i);
      i = down;
    }
    rows[i] = row;
    scores[i] = score;
    this.threshold = scores[0] as number;
  }

  toRanking(): Ranking {
    const order = Array.from({ length: this.size }, (_, i) => i).sort(
      (a, b) =>
        (this.scores[b] as number) - (this.scores[a] as number) ||
        (this.rows[a] as number) - (this.rows[b] as number),
    );
    return {
      rows: Uint32Array.from(order, (i) => this.rows[i] as number),
      scores: Float64Array.from(order, (i) => this.scores[i] as number),
    };
  }

  /** Whether a row with its score ranks behind that at `place`. */
  private isWorse(row: number, score: number, place: number): boolean {
    const other = this.scores[place] as number;
    return score < other || (score === other && row > (this.rows[place] as number));
  }

  private move(from: number, to: number): void {
    this.rows[to] = this.rows[from] as number;
    this.scores[to] = this.scores[from] as number;
  }
}
