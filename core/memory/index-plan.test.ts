import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  computeBytesPerVector,
  planIndex,
  getSearchParameters,
  formatBytes,
  countTrainingVectors,
} from "./index-plan";

const GIB = 1024 ** 3;
const plan = (count: number, memoryGiB: number, index = "auto", dim = 768) =>
  planIndex({ index, count, dim, memoryBytes: memoryGiB * GIB });

describe("the plan of an index", () => {
  it("searches exactly what fits, and says why not where it does not", () => {
    expect(plan(10_000, 8).factory).toBe("Flat");
    expect(plan(10_000_000, 256)).toMatchObject({
      factory: "IVF16384,Flat",
      reason: expect.stringContaining("too many") as string,
    });
    expect(plan(10_000_000, 32)).toMatchObject({
      factory: "IVF16384,SQ8",
      reason: expect.stringContaining("28.6 GiB of vectors do not fit") as string,
    });
    expect(plan(21_015_324, 16)).toMatchObject({ factory: "OPQ96,IVF16384,PQ96" });
  });

  it("knows upstream's file: 21,015,324 vectors of length 768", () => {
    const { fileBytes, trainingVectors: training, buildBytes } = plan(21_015_324, 128, "Flat");
    expect(fileBytes).toBe(21_015_324 * 768 * 4);
    expect([training, buildBytes]).toEqual([0, 0]);
  });

  it("estimates the time only where the speed is known", () => {
    expect(plan(1000, 8).encodeSeconds).toBeNull();
    expect(
      planIndex({ index: "Flat", count: 1000, dim: 8, memoryBytes: GIB, passagesPerSecond: 50 })
        .encodeSeconds,
    ).toBe(20);
  });

  it("never chooses more than its share of the memory, nor more lists than can be learnt", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 50_000_000 }),
        fc.integer({ min: 1, max: 512 }),
        fc.constantFrom(384, 768, 1024),
        (count, memoryGiB, dim) => {
          const {
            factory,
            searchBytes,
            trainingVectors: training,
            fileBytes,
          } = plan(count, memoryGiB, "auto", dim);
          const lists = Number(/IVF(\d+)/.exec(factory)?.[1] ?? 1);
          expect(lists * 39).toBeLessThanOrEqual(Math.max(39, count));
          expect(training).toBeLessThanOrEqual(count);
          if (!factory.includes("PQ"))
            expect(searchBytes).toBeLessThanOrEqual(memoryGiB * GIB * 0.51);
          expect(fileBytes).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  it("knows what each kind stores, learns from and can be told", () => {
    expect(computeBytesPerVector("Flat", 384)).toBe(1536);
    expect(computeBytesPerVector("IVF4096,PQ48", 384)).toBe(56);
    expect(computeBytesPerVector("HNSW32", 384)).toBeCloseTo(1536 + 281.6);
    expect(countTrainingVectors("HNSW32", 1e6)).toBe(0);
    expect(countTrainingVectors("IVF4096,Flat", 1e6)).toBe(262_144);
    expect(countTrainingVectors("PQ48", 5000)).toBe(5000);
    const settings = { nprobe: 32, efSearch: 100 };
    expect(getSearchParameters("Flat", settings)).toEqual({});
    expect(getSearchParameters("OPQ16,IVF16,PQ16", settings)).toEqual({ nprobe: 16 });
    expect(getSearchParameters("HNSW32", settings)).toEqual({ efSearch: 100 });
    expect(getSearchParameters("IVF65536_HNSW32,Flat", settings)).toEqual({
      nprobe: 32,
      quantizer_efSearch: 100,
    });
  });

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [512 * 1024 ** 2, "512 MiB"],
    [100 * 1024 ** 3, "100 GiB"],
    [1.4 * 1024 ** 4, "1.4 TiB"],
    [5000 * 1024 ** 4, "5000 TiB"],
  ])("writes %d bytes as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
