var request = require("request");

var options = { method: 'POST',
  url: 'https://s-ct3.sarv.com/v2/clickToCall/para',
  qs: 
   { user_id: 'USER_ID',
     token: 'TOKEN',
     from: 'FROM_NUMBER',
     to: 'TO_NUMBER' },
  headers: 
   { 'cache-control': 'no-cache' } };

request(options, function (error, response, body) {
  if (error) throw new Error(error);

  console.log(body);
});
