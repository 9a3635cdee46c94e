/** A tensor that training changes: an input of the graph by this name, with its gradient as the output `gradient.<name>`. */
export interface Trainable {
  readonly name: string;
  readonly shape: readonly number[];
}
