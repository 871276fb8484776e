import type { ClusterStatus } from "@/contracts/engine/cluster";

/** For the log of an attempt: how many ranks train, where each is, and which machines the Ray cluster has lost. */
export function describeRanks({ nodes, ranks }: ClusterStatus): string {
  const places = nodes
    .filter((node) => node.ranks.length > 0)
    .map((node) => `${node.ranks.join(", ")} on ${node.address}`);
  // A machine that was lost and joined again is listed twice.
  const present = new Set(nodes.filter(({ alive }) => alive).map(({ address }) => address));
  const lost = new Set(nodes.map(({ address }) => address).filter((one) => !present.has(one)));
  const losses = lost.size === 0 ? "" : ` The Ray cluster has lost ${[...lost].join(", ")}.`;
  const unit = ranks.length === 1 ? "rank trains" : "ranks train";
  return `${ranks.length} ${unit} the model: ${places.join("; ")}.${losses}`;
}
