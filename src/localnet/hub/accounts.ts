/** Who a token belongs to, and which namespaces an account may write. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { writeJson } from "./repository.ts";

export interface Account {
  readonly name: string;
  /** Starts with `hf_`: clients refuse others before they send them. */
  readonly token: string;
}

interface Stored {
  readonly accounts: readonly Account[];
  /** Namespace → account. An account always owns the namespace of its own name. */
  readonly namespaces: Readonly<Record<string, string>>;
}

export class Accounts {
  private constructor(
    private readonly path: string,
    private stored: Stored,
  ) {}

  /** Opens the accounts of a folder. Those asked for are added when missing; the first account is the hub's main one. */
  static async open(folder: string, wanted: readonly { readonly name: string; readonly token?: string }[]) {
    const path = join(folder, "accounts.json");
    const file = Bun.file(path);
    const known: Stored = (await file.exists()) ? await file.json() : { accounts: [], namespaces: {} };
    const accounts = [...known.accounts];
    for (const { name, token } of wanted) {
      const index = accounts.findIndex((account) => account.name === name);
      if (index < 0) accounts.push({ name, token: token ?? newToken() });
      else if (token !== undefined) accounts[index] = { name, token };
    }
    const opened = new Accounts(path, { ...known, accounts });
    await writeJson(path, opened.stored);
    return opened;
  }

  get all(): readonly Account[] {
    return this.stored.accounts;
  }

  byToken(token: string): Account | null {
    return this.stored.accounts.find((account) => account.token === token) ?? null;
  }

  owns(account: Account | null, namespace: string): boolean {
    return account !== null && this.ownerOf(namespace) === account.name;
  }

  namespacesOf(account: Account): string[] {
    return Object.keys(this.stored.namespaces).filter(
      (namespace) => this.stored.namespaces[namespace] === account.name,
    );
  }

  /** A namespace that is nobody's goes to whoever first creates a repository in it, as if an organization of theirs. */
  async claim(account: Account, namespace: string): Promise<boolean> {
    const owner = this.ownerOf(namespace);
    if (owner !== null) return owner === account.name;
    this.stored = { ...this.stored, namespaces: { ...this.stored.namespaces, [namespace]: account.name } };
    await writeJson(this.path, this.stored);
    return true;
  }

  private ownerOf(namespace: string): string | null {
    if (this.stored.accounts.some(({ name }) => name === namespace)) return namespace;
    return Object.hasOwn(this.stored.namespaces, namespace) ? this.stored.namespaces[namespace]! : null;
  }
}

function newToken(): string {
  return `hf_${randomBytes(24).toString("base64url").replaceAll(/[-_]/g, "x")}`;
}
