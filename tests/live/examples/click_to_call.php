 <?php
$curl = curl_init();

$USER_ID = "USER_ID";
$TOKEN = "TOKEN";
$FROM = "FROM_NUMBER";
$TO = "TO_NUMBER";

curl_setopt_array($curl, array(
  CURLOPT_URL => "https://s-ct3.sarv.com/v2/clickToCall/para?user_id=$USER_ID&token=$TOKEN&from=$FROM&to=$TO",
  CURLOPT_RETURNTRANSFER => true,
  CURLOPT_ENCODING => "",
  CURLOPT_MAXREDIRS => 10,
  CURLOPT_TIMEOUT => 30,
  CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
  CURLOPT_CUSTOMREQUEST => "POST",
  CURLOPT_POSTFIELDS => "",
  CURLOPT_HTTPHEADER => array(
    "cache-control: no-cache"
  ),
));

$response = curl_exec($curl);
$err = curl_error($curl);

curl_close($curl);

if ($err) {
  echo "cURL Error #:" . $err;
} else {
  echo $response;
}
 ?> 
