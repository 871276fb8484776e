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
