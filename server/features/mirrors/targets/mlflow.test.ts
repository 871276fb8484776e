import { expect, it } from "vitest";
import { toMetricKey } from "./mlflow";

it("keeps names that MLflow takes, and gives every other one a name of its own", () => {
  expect(toMetricKey("held-out/accuracy")).toBe("held-out/accuracy");
  expect(toMetricKey("val/test_score/nq (dev)")).toBe("val/test_score/nq _x28_dev_x29_");
  expect(toMetricKey("a(b")).not.toBe(toMetricKey("a)b"));
});
