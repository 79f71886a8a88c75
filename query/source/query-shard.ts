import { Shard } from '../../storage/shard/shard-object.ts';
import { ObjectEvaluation } from './object-evaluation.ts';

type ShardArguments = ConstructorParameters<typeof Shard>;

/** The shard's object with the engine beside its store: storage knows nothing of PromQL, so the two meet here. */
export class QueryShard extends Shard {
  constructor(state: ShardArguments[0], env: ShardArguments[1]) {
    super(state, env, (store) => new ObjectEvaluation(store));
  }
}
