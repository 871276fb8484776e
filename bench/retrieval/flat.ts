import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import {
  DenseIndex,
  INDEX_FILE,
  writeIndexManifest,
} from "@/gpu-workers/retrieval/indexes/faiss/dense-index";
import { buildFlatHeader } from "@/gpu-workers/retrieval/indexes/faiss/build-index";

const IDENTITY = {
  corpusHash: "bench",
  encoderFingerprint: "bench",
  encoder: "bench",
  factory: "Flat",
};

/** The product's exact index over vectors [n, dim] that come in parts: written into `folder`, then opened as any other. */
export async function openFlat(
  folder: string,
  dim: number,
  parts: Iterable<Float32Array> | AsyncIterable<Float32Array>,
): Promise<DenseIndex> {
  await mkdir(folder, { recursive: true });
  const file = await open(join(folder, INDEX_FILE), "w");
  let bytes = buildFlatHeader(dim, 0).length;
  let count = 0;
  try {
    for await (const part of parts) {
      await file.write(part, 0, part.byteLength, bytes);
      bytes += part.byteLength;
      count += part.length / dim;
    }
    await file.write(buildFlatHeader(dim, count), 0, undefined, 0);
  } finally {
    await file.close();
  }
  await writeIndexManifest(folder, {
    version: 2,
    ...IDENTITY,
    count,
    dim,
    file: INDEX_FILE,
    bytes,
  });
  return DenseIndex.load(folder, IDENTITY);
}
