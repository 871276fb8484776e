import { describeOnSets, openServices, type RealSet } from "./testing/methods-on-sets";

const SETS: readonly RealSet[] = ["2wiki", "hotpotqa"];
openServices(SETS);
describeOnSets(SETS);
