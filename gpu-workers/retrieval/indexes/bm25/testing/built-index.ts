import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { BlockMerger } from "../block-merger";
import { BLOCK_LIMITS, BlockBuilder, type BlockLimits, findCompleteBlocks } from "../index-block";
import type { Bm25Manifest } from "../index-format";
import { PostingsFile } from "../postings-file";

let root: string | null = null;
let folders = 0;

/** Removes every folder that was made. */
export function removeFolders(): void {
  if (root !== null) rmSync(root, { recursive: true, force: true });
  root = null;
}

export function makeFolder(): string {
  root ??= mkdtempSync(join(tmpdir(), "bm25-"));
  const path = join(root, String(folders++));
  mkdirSync(path);
  return path;
}

export function writeBlocks(texts: readonly string[], blocks: string, limits: BlockLimits): void {
  let block = new BlockBuilder(0, limits);
  texts.forEach((text, row) => {
    block.add(text);
    if (!block.full) return;
    block.write(blocks);
    block = new BlockBuilder(row + 1, limits);
  });
  if (block.rows > 0) block.write(blocks);
}

/** Builds an index of texts in a folder of its own, and opens it. */
export function buildIndex(
  texts: readonly string[],
  limits: BlockLimits = BLOCK_LIMITS,
  memoryBytes?: number,
): { file: PostingsFile; directory: string; manifest: Bm25Manifest } {
  const [blocks, directory] = [makeFolder(), makeFolder()];
  writeBlocks(texts, blocks, limits);
  const merge = new BlockMerger(
    findCompleteBlocks(blocks).paths,
    directory,
    new Uint8Array(16).fill(7),
  );
  let counts = merge.mergeNextTerms();
  while (!counts) counts = merge.mergeNextTerms();
  const manifest: Bm25Manifest = {
    version: 1,
    kind: "bm25",
    analysis: "test",
    corpusHash: "test",
    stamp: "07".repeat(16),
    ...counts,
  };
  return { file: PostingsFile.open(directory, manifest, memoryBytes), directory, manifest };
}

const word = fc.constantFrom("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "the", "Beta's");
/** Texts of a few words, some of which the analysis changes or leaves out. */
export const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
export const constants = fc.record({
  k1: fc.double({ min: 0, max: 10, noNaN: true }),
  b: fc.double({ min: 0, max: 1, noNaN: true }),
});
