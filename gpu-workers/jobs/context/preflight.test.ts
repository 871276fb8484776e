import { describe, expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { PreflightItem } from "@/contracts/worker-protocol/reports";
import { Preflight, type PreflightContext, type ReportDetail } from "./preflight";

function open(): { preflight: Preflight; reported: PreflightItem[] } {
  const reported: PreflightItem[] = [];
  const context = {
    reportPreflight: (items: PreflightItem[]) => {
      reported.push(...items);
      return Promise.resolve();
    },
  } as unknown as PreflightContext;
  const config = runConfigSchema.parse({ kind: "serve", name: "s", retriever: { kind: "bm25" } });
  return { preflight: new Preflight(context, config), reported };
}

describe("a check before a run", () => {
  it.each([
    ["ready", () => Promise.resolve(7)],
    ["failed", () => Promise.reject(new Error("no index"))],
  ] as const)("that is %s stays so, whatever its service still says", async (state, work) => {
    const { preflight, reported } = open();
    let late: ReportDetail = () => undefined;
    await preflight
      .check(
        "retriever",
        (onDetail) => {
          late = onDetail;
          onDetail("loading");
          return work();
        },
        (value) => `${value} documents`,
      )
      .catch(() => undefined);
    late("a line of its log");
    expect(reported.map((item) => item.state)).toEqual(["running", "running", state]);
    expect(reported[1]).toMatchObject({ detail: "loading" });
    expect(reported.at(-1)).toMatchObject(
      state === "ready" ? { detail: "7 documents", error: null } : { error: "no index" },
    );
  });
});
