// The least a Node server can do: one Buffer of so many bytes for every request.
//   node serve-bare.js BYTES
import { createServer } from 'node:http';

const body = Buffer.alloc(Number(process.argv[2]), 'x');
const server = createServer((_request, response) => {
  response.setHeader('content-length', body.length);
  response.end(body);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
