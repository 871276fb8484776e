import { useText } from "@/app/_i18n/text-provider";
import type { Compared } from "@/app/_lib/live/trpc";
import { PairedTestTable } from "@/app/_statistics/paired-test-table";
import { Card, CardHeader } from "@/app/_ui/card";
import { Help } from "@/app/_ui/help";
import { LETTERS } from "./patterns";

/** Every pair tested on the questions that all of the runs share. */
export function PairsTable({ compared }: { compared: Compared }) {
  const t = useText();
  return (
    <Card className="mt-4">
      <CardHeader
        title={t("Paired tests")}
        description={t(
          "On the questions that both of a pair answered; p-values corrected by Holm over the {pairs, plural, one {# pair} other {# pairs}}.",
          { pairs: compared.pairs.length },
        )}
      >
        <Help term="holm" />
      </CardHeader>
      <PairedTestTable
        heads={[t("Pair")]}
        discordant={{ text: t("Only first : only second") }}
        rows={compared.pairs.map((pair) => ({
          key: `${pair.first} ${pair.second}`,
          names: [`${LETTERS[pair.first]} − ${LETTERS[pair.second]}`],
          test: pair,
          verdict: t("{letter} is better", {
            letter: LETTERS[pair.difference > 0 ? pair.first : pair.second]!,
          }),
          verdictTone: "text-foreground",
        }))}
      />
    </Card>
  );
}
