/** One client's socket: its subscriptions, each with what ends it. */
export class Connection {
  private readonly subscriptions = new Map<string, () => void>();
  private next = 1;

  /** @param send writes one JSON text to the socket */
  constructor(private readonly send: (text: string) => void) {}

  /**
   * Opens a subscription. `start` gets what notifies under `notification` and returns what ends it. What it notifies at
   * once waits until the answer with the subscription's number has been sent: clients may drop what they do not know.
   */
  subscribe(notification: string, start: (notify: (result: unknown) => void) => () => void): string {
    const id = `${this.next++}`;
    let early: string[] | undefined = [];
    const notify = (result: unknown) => {
      const text = JSON.stringify({ jsonrpc: "2.0", method: notification, params: { subscription: id, result } });
      if (early !== undefined) early.push(text);
      else if (this.subscriptions.has(id)) this.send(text);
    };
    this.subscriptions.set(id, start(notify));
    setImmediate(() => {
      if (this.subscriptions.has(id)) for (const text of early ?? []) this.send(text);
      early = undefined;
    });
    return id;
  }

  unsubscribe(id: unknown): boolean {
    const end = this.subscriptions.get(String(id));
    if (end === undefined) return false;
    this.subscriptions.delete(String(id));
    end();
    return true;
  }

  close(): void {
    for (const end of this.subscriptions.values()) end();
    this.subscriptions.clear();
  }
}
