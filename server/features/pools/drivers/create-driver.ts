import type { PoolTarget } from "@/contracts/api/pools";
import type { PoolDriver } from "./driver";
import { createKubernetesDriver } from "./kubernetes";
import { createRayDriver } from "./ray";
import { createSkypilotDriver } from "./skypilot";
import { createSlurmDriver } from "./slurm";
import { createSshDriver } from "./ssh";

/** The scheduler of a pool. Nothing is asked before its first call. */
export function createDriver(target: PoolTarget, secret: string): PoolDriver {
  switch (target.kind) {
    case "slurm":
      return createSlurmDriver(target.host);
    case "ray":
      return createRayDriver(target.url, secret);
    case "kubernetes":
      return createKubernetesDriver(target.context, target.namespace);
    case "ssh":
      return createSshDriver(target.host);
    case "skypilot":
      return createSkypilotDriver();
  }
}
