// sirv as it is meant for production: looks at the folder once, sends FILE.gz where there is one.
//   node serve-sirv.js FOLDER
import { createServer } from 'node:http';
import sirv from 'sirv';

const server = createServer(sirv(process.argv[2], { gzip: true, etag: true }));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
