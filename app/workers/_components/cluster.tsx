import { useText } from "@/app/_i18n/text-provider";
import { formatBytes } from "@/app/_lib/format/format";
import type { WorkerRow } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";

type ClusterStatus = NonNullable<WorkerRow["services"][number]["cluster"]>;
type ClusterNode = ClusterStatus["nodes"][number];
type Rank = ClusterStatus["ranks"][number];

/** The machines whose GPUs train one model together, and which rank is on which of them. */
export function Cluster({ cluster }: { cluster: ClusterStatus }) {
  const t = useText();
  const { nodes, ranks, address, strategy } = cluster;
  return (
    <section aria-label={t("Cluster")} className="min-w-0 lg:col-span-2">
      <h3 className="mb-1.5 text-xs font-semibold text-muted-foreground">{t("Cluster")}</h3>
      <p className="text-xs break-words">
        {t(
          "{ranks, plural, one {# rank} other {# ranks}} on {nodes, plural, one {# machine} other {# machines}}",
          { ranks: ranks.length, nodes: nodes.length },
        )}{" "}
        <span className="text-muted-foreground">
          {strategy === "pack"
            ? t("on as few machines as hold them")
            : t("on as many machines as there are")}
          {" · "}
          {address === null
            ? t("Ray started by this worker")
            : t("Ray cluster at {address}", { address })}
        </span>
      </p>
      <ul className="mt-2 grid gap-2 sm:grid-cols-2 xl:grid-cols-3">
        {nodes.map((node) => (
          <ClusterNodeItem
            key={node.id}
            node={node}
            ranks={ranks.filter(({ rank }) => node.ranks.includes(rank))}
          />
        ))}
      </ul>
    </section>
  );
}

/** One machine with its GPUs: those that a rank is on, by its number, and those that are free. */
function ClusterNodeItem({ node, ranks }: { node: ClusterNode; ranks: readonly Rank[] }) {
  const t = useText();
  const free = Math.max(0, Math.floor(node.gpus) - ranks.length);
  return (
    <li
      className="min-w-0 rounded-md border px-3 py-2 text-xs"
      aria-label={t("Machine {address}", { address: node.address })}
    >
      <p className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
        <span className="font-mono font-medium break-all">{node.address}</span>
        <Badge tone={node.alive ? "good" : "bad"}>{node.alive ? t("alive") : t("gone")}</Badge>
      </p>
      <p className="text-muted-foreground">
        {t(
          "{gpus, plural, =0 {no GPU} one {# GPU} other {# GPUs}}, {cpus, plural, one {# core} other {# cores}}, {memory}",
          { gpus: node.gpus, cpus: node.cpus, memory: formatBytes(node.memoryBytes) },
        )}
      </p>
      {ranks.length + free > 0 ? (
        <ul className="mt-1.5 flex flex-wrap gap-1">
          {ranks.map(({ rank, device, pid }) => (
            <li
              key={rank}
              className="rounded-sm bg-primary/15 px-1.5 py-0.5 font-medium break-words"
              title={t("process {pid}", { pid: String(pid) })}
            >
              {t("Rank {rank}", { rank })}{" "}
              <span className="font-normal text-muted-foreground">{device}</span>
            </li>
          ))}
          {Array.from({ length: free }, (_, i) => (
            <li
              key={i}
              className="rounded-sm border border-dashed px-1.5 py-0.5 text-muted-foreground"
            >
              {t("free GPU")}
            </li>
          ))}
        </ul>
      ) : (
        <p className="mt-1.5 text-muted-foreground">{t("no rank")}</p>
      )}
    </li>
  );
}
