import { expect, it } from "vitest";
import { createPoolRequestSchema, poolKindSchema } from "@/contracts/api/pools";
import { buildEntry, buildRequest } from "./pool-entry";

it("asks of each kind of pool only for what that kind takes; a secret stands beside its address", () => {
  const values = { url: "http://head:8265", host: "box", namespace: "ml", secret: "of the head" };
  const entry = buildEntry(null, "http://127.0.0.1:3000");
  for (const kind of poolKindSchema.options) {
    const request = buildRequest({
      ...entry,
      kind,
      name: "lab",
      values: { ...entry.values, ...values },
    });
    const { data, error } = createPoolRequestSchema.safeParse(request);
    expect(error?.issues, kind).toBeUndefined();
    expect(data).toMatchObject({ secret: "of the head", target: { kind } });
    expect(data?.target).not.toHaveProperty("secret");
  }
});
