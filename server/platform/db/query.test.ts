import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Queries } from "./database";
import { jsonColumn, queryRow, queryRows } from "./query";

const rowSchema = z.object({ id: z.string(), config: jsonColumn<{ seed: number }>() });
/** A connection whose every statement returns these rows. */
const returning = (rows: unknown[]) =>
  ({ $queryRaw: () => Promise.resolve(rows) }) as unknown as Queries;

describe("queryRows", () => {
  it("returns the rows as they came, with whatever their JSON holds", async () => {
    const rows = [{ id: "a", config: { seed: 1, later: true } }];
    expect(await queryRows(returning(rows), rowSchema)`SELECT 1`).toEqual(rows);
  });

  it("names the row and the column that do not match", async () => {
    const rows = [
      { id: "a", config: {} },
      { id: null, config: {} },
    ];
    await expect(queryRows(returning(rows), rowSchema)`SELECT 1`).rejects.toThrow(/1\.id/);
    const first = { check: "first" } as const;
    expect(await queryRows(returning(rows), rowSchema, first)`SELECT 1`).toHaveLength(2);
    await expect(queryRows(returning([{ name: "a" }]), rowSchema, first)`SELECT 1`).rejects.toThrow(
      /0\.id/,
    );
  });
});

describe("a JSON column", () => {
  it("may hold anything, but must be there", async () => {
    const rows = [{ id: "a", config: null }];
    expect(await queryRows(returning(rows), rowSchema)`SELECT 1`).toEqual(rows);
    await expect(queryRows(returning([{ id: "a" }]), rowSchema)`SELECT 1`).rejects.toThrow(
      /0\.config/,
    );
  });
});

describe("queryRow", () => {
  it("gives the first row, or null", async () => {
    expect(await queryRow(returning([{ id: "a", config: {} }]), rowSchema)`SELECT 1`).toEqual({
      id: "a",
      config: {},
    });
    expect(await queryRow(returning([]), rowSchema)`SELECT 1`).toBeNull();
  });
});
