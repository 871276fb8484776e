import { formatCount } from "@/app/_lib/format";
import type { Compared } from "@/app/_lib/trpc";
import { PairedTestTable } from "@/app/_statistics/paired-test-table";
import { Card, CardHeader } from "@/app/_ui/card";
import { LETTERS } from "./patterns";

/** Every pair tested on the questions that all of the runs share. */
export function PairsTable({ compared }: { compared: Compared }) {
  return (
    <Card className="mt-4">
      <CardHeader
        title="Paired tests"
        description={`On the questions that both of a pair answered; p-values corrected by Holm over the ${formatCount(compared.pairs.length, "pair")}.`}
      />
      <PairedTestTable
        heads={["Pair"]}
        discordant={{ text: "Only first : only second" }}
        rows={compared.pairs.map((pair) => ({
          key: `${pair.first} ${pair.second}`,
          names: [`${LETTERS[pair.first]} − ${LETTERS[pair.second]}`],
          test: pair,
          verdict: `${LETTERS[pair.difference > 0 ? pair.first : pair.second]} is better`,
          verdictTone: "text-foreground",
        }))}
      />
    </Card>
  );
}
