import { ChevronLeft } from "lucide-react";
import { Link } from "@/app/_ui/link";
import type { ReactNode } from "react";

/** Leads from a page to the list that it belongs to. */
export function BackLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link
      href={href}
      className="inline-flex items-center gap-1 text-xs text-muted-foreground hover:text-foreground"
    >
      <ChevronLeft className="size-3.5" aria-hidden /> {children}
    </Link>
  );
}
