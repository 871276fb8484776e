import Link from "next/link";
import { Button } from "./_ui/button";
import { EmptyState } from "./_ui/states";

export default function NotFound() {
  return (
    <EmptyState
      title="There is no such page"
      action={
        <Button asChild>
          <Link href="/">All runs</Link>
        </Button>
      }
    >
      The address may be mistyped, or what it named was deleted.
    </EmptyState>
  );
}
