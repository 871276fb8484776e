import { expect } from "@playwright/test";

/** What runs/create answers. */
export type Sent = { run: { info: { run_id: string } } };

/** Reports to the product as a trainer's MLflow client does. */
export async function sendTracking(productUrl: string, path: string, body: object): Promise<Sent> {
  const response = await fetch(`${productUrl}/api/2.0/mlflow/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status, path).toBe(200);
  return (await response.json()) as Sent;
}

/**
 * Reports a run of another trainer whose one metric is a wave of many steps, from 0.1 to 0.9.
 * @param shape `spike`: a step at which it is another value @returns its id
 */
export async function reportWave(
  productUrl: string,
  name: string,
  {
    steps,
    stepMs,
    spike,
  }: { steps: number; stepMs: number; spike?: { step: number; value: number } },
): Promise<string> {
  const { run } = await sendTracking(productUrl, "runs/create", {
    experiment_id: "0",
    run_name: name,
  });
  const batch = 1_000;
  for (let start = 0; start < steps; start += batch)
    await sendTracking(productUrl, "runs/log-batch", {
      run_id: run.info.run_id,
      metrics: Array.from({ length: batch }, (_, i) => ({
        key: "critic/score/mean",
        value: start + i === spike?.step ? spike.value : 0.5 + 0.4 * Math.sin((start + i) / 7),
        timestamp: 1_700_000_000_000 + stepMs * (start + i),
        step: start + i,
      })),
    });
  return run.info.run_id;
}
