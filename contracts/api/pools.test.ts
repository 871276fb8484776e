import { describe, expect, it } from "vitest";
import { describeIssues } from "@/contracts/errors";
import { createPoolRequestSchema, updatePoolRequestSchema } from "./pools";

const POOL = {
  name: "lab",
  template: "sbatch",
  serverUrl: "http://127.0.0.1:3000",
  target: { kind: "slurm", host: "me@login" },
};

/** What is said of a pool with these changes; "" where it is taken. */
function check(changes: object): string {
  const { error } = createPoolRequestSchema.safeParse({ ...POOL, ...changes });
  return error ? describeIssues(error) : "";
}

describe("a pool's options", () => {
  it("are taken where they are those of its kind", () => {
    expect(check({})).toBe("");
    expect(check({ target: { kind: "kubernetes", namespace: "ml" } })).toBe("");
    expect(check({ target: { kind: "skypilot" } })).toBe("");
    expect(check({ offers: { gpus: 2, vllm: true } })).toBe("");
  });

  it("of another kind are refused by their names, not left out", () => {
    expect(check({ target: { kind: "slurm", host: "login", url: "http://head:8265" } })).toBe(
      "target: unknown option url: there are kind, host",
    );
    expect(check({ target: { kind: "skypilot", host: "login" } })).toBe(
      "target: unknown option host: there are kind",
    );
    expect(check({ target: { kind: "ssh", host: "box", context: "a", namespace: "b" } })).toBe(
      "target: unknown option context, namespace: there are kind, host",
    );
  });

  it("that do not exist are refused wherever they stand", () => {
    expect(check({ offers: { gpu: 2 } })).toMatch(/^offers: unknown option gpu: there are models,/);
    expect(check({ idle: 60 })).toMatch(/^\(root\): unknown option idle: there are name, target,/);
    const id = "00000000-0000-4000-8000-000000000001";
    const { error } = updatePoolRequestSchema.safeParse({ ...POOL, id, cost: 1 });
    expect(error && describeIssues(error)).toMatch(/unknown option cost/);
  });
});
