"""Short texts in many languages, written for these tests, and words that have to find them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A text, queries with what each has to mark in it, and encodings it is often found in."""

    text: str
    queries: tuple[tuple[str, str], ...]
    legacy: tuple[str, ...] = ()


SAMPLES: dict[str, Sample] = {
    "german": Sample(
        "Die Müllabfuhr kommt mittwochs in die Gartenstraße. Der Schlüssel für den Keller hängt "
        "hinter der Küchentür, und die Heizung wird im Oktober geprüft.",
        (
            ("Müllabfuhr", "Müllabfuhr"), ("GARTENSTRASSE", "Gartenstraße"),
            ("kuchentur", "Küchentür"),
        ),
        ("cp1252",),
    ),
    "french": Sample(
        "Le déménagement est prévu pour la mi-août. Ma sœur garde les clés de la cave, et le "
        "propriétaire a promis de réparer la fenêtre brisée avant l’été.",
        (("déménagement", "déménagement"), ("soeur", "sœur"), ("FENETRE", "fenêtre")),
        ("cp1252",),
    ),
    "spanish": Sample(
        "El niño dejó la bicicleta junto al pozo. Mañana cosecharemos las aceitunas y por la "
        "noche cenaremos con los vecinos del pueblo.",
        (("aceitunas", "aceitunas"), ("manana", "Mañana"), ("NIÑO", "niño")),
        ("cp1252",),
    ),
    "polish": Sample(
        "Wycieczka do Łodzi zaczyna się o świcie. Babcia upiecze sernik, a dziadek naprawi "
        "skrzypiące drzwi w stodole przed żniwami i zawiezie zboże do młyna. Wróćcie na kolację, "
        "będą pierogi z grzybami.",
        (("Łodzi", "Łodzi"), ("lodzi", "Łodzi"), ("żniwami", "żniwami")),
        ("cp1250",),
    ),
    "turkish": Sample(
        "Kırmızı bisiklet bahçedeki ağacın altında duruyor. Isparta'dan gelen güller yarın sabah "
        "çiçekçiye gidecek, İzmir'deki akrabalar da öğleden sonra uğrayacak.",
        (("ısparta", "Isparta"), ("izmir", "İzmir"), ("KIRMIZI", "Kırmızı")),
        ("cp1254",),
    ),
    "russian": Sample(
        "Зелёная тетрадь лежит на полке рядом с аптечкой. В четверг придёт слесарь чинить "
        "водосток, а бабушкины варенья надо отнести в погреб.",
        (("водосток", "водосток"), ("зеленая", "Зелёная"), ("АПТЕЧКОЙ", "аптечкой")),
        ("cp1251", "koi8_r"),
    ),
    "ukrainian": Sample(
        "Ґанок пофарбували у блакитний колір. Їжак живе під старою грушею, а Наталя щовечора "
        "виносить йому миску з яблуками.",
        (("їжак", "Їжак"), ("грушею", "грушею"), ("ґанок", "Ґанок")),
        ("cp1251",),
    ),
    "greek": Sample(
        "Το καΐκι του παππού μένει δεμένο στο λιμάνι ως την Τρίτη. Ο ψαράς μπαλώνει τα δίχτυα "
        "και η γιαγιά ψήνει κουλούρια με κανέλα.",
        (("λιμάνι", "λιμάνι"), ("ΨΑΡΑΣ", "ψαράς"), ("διχτυα", "δίχτυα")),
        ("cp1253",),
    ),
    "arabic": Sample(
        "وَضَعَتِ الجَدَّةُ المِفْتَاحَ تحت أصيص الريحان. سيأتي النجار يوم الأحد لإصلاح الباب، "
        "وبعد ذلك نذهب إلى السوق لشراء الزيتون.",
        (("المفتاح", "المِفْتَاحَ"), ("زيتون", "الزيتون"), ("الاحد", "الأحد"), ("النَّجَّار", "النجار")),
        ("cp1256",),
    ),
    "hebrew": Sample(
        "הַמַּפְתֵּחַ של המחסן תלוי ליד הדלת. סבתא אופה עוגת תפוחים ביום שישי, והשכן מתקן את "
        "הגדר שנפלה בסערה.",
        (("המפתח", "הַמַּפְתֵּחַ"), ("תפוחים", "תפוחים"), ("סבתא", "סבתא")),
        ("cp1255",),
    ),
    "hindi": Sample(
        "दादी की संदूक में पुरानी चिट्ठियाँ रखी हैं। बढ़ई सोमवार को खिड़की ठीक करेगा और माली नींबू का "
        "पौधा लगाएगा।",
        (("चिट्ठियाँ", "चिट्ठियाँ"), ("खिड़की", "खिड़की"), ("नींबू", "नींबू")),
    ),
    "bengali": Sample(
        "ঠাকুমার আলমারিতে পুরনো নকশিকাঁথা রাখা আছে। মাঝি বিকেলে নৌকা মেরামত করবে, তারপর আমরা "
        "ইলিশ কিনতে যাব।",
        (("নৌকা", "নৌকা"), ("ইলিশ", "ইলিশ"), ("নকশিকাঁথা", "নকশিকাঁথা")),
    ),
    "tamil": Sample(
        "பாட்டியின் பெட்டியில் பழைய கடிதங்கள் இருக்கின்றன। தச்சர் திங்கட்கிழமை கதவைச் சரிசெய்வார், பிறகு "
        "தோட்டத்தில் மல்லிகை நடுவோம்.",
        (("கடிதங்கள்", "கடிதங்கள்"), ("மல்லிகை", "மல்லிகை")),
    ),
    "thai": Sample(
        "คุณยายเก็บกุญแจไว้ใต้กระถางต้นมะลิ ช่างไม้จะมาซ่อมหลังคาในวันจันทร์ แล้วเราจะไปซื้อทุเรียนที่ตลาดน้ำ",
        (("กุญแจ", "กุญแจ"), ("ทุเรียน", "ทุเรียน"), ("หลังคา", "หลังคา")),
        ("tis_620",),
    ),
    "vietnamese": Sample(
        "Chìa khóa nhà kho treo sau cánh cửa bếp. Bác thợ mộc sẽ sửa mái hiên vào thứ hai, còn "
        "bà ngoại phơi cá khô ngoài sân.",
        (("chìa khóa", "Chìa"), ("ngoại", "ngoại"), ("mai hien", "mái")),
    ),
    "simplified": Sample(
        "外婆把钥匙放在茉莉花盆下面。木匠星期一来修理屋顶，然后我们去市场买荔枝。院子里的猫正在晒太阳。",
        (("钥匙", "钥匙"), ("修理屋顶", "修理屋顶"), ("猫", "猫")),
        ("gb18030",),
    ),
    "traditional": Sample(
        "阿嬤把鑰匙放在茉莉花盆底下。木匠禮拜一來修繕屋簷，之後我們去夜市買蓮霧。隔壁的烏龜爬過圍牆。",
        (("鑰匙", "鑰匙"), ("蓮霧", "蓮霧"), ("龜", "龜")),
        ("big5",),
    ),
    "japanese": Sample(
        "物置の鍵は台所の引き出しにあります。月曜日に大工さんが雨どいを直しに来るので、"
        "カレンダーに印をつけておいてください。おばあちゃんの梅干しは棚の上です。",
        (
            ("引き出し", "引き出し"), ("カレンダー", "カレンダー"), ("梅干し", "梅干し"),
            ("ｶﾚﾝﾀﾞｰ", "カレンダー"),
        ),
        ("shift_jis", "euc_jp", "iso2022_jp"),
    ),
    "korean": Sample(
        "할머니는 열쇠를 장독대 옆에 두셨다. 목수가 월요일에 지붕을 고치러 오고, 우리는 시장에서 "
        "복숭아를 살 것이다.",
        (("열쇠", "열쇠"), ("지붕", "지붕"), ("복숭아", "복숭아")),
        ("cp949",),
    ),
    "georgian": Sample(
        "ბებიას გასაღები ყურძნის კალათის ქვეშ უდევს. დურგალი ორშაბათს სახურავს შეაკეთებს.",
        (("გასაღები", "გასაღები"), ("სახურავს", "სახურავს")),
    ),
    "amharic": Sample(
        "የአያቴ ቁልፍ ከበሩ ጀርባ ተሰቅሏል። አናጺው ሰኞ ጣሪያውን ይጠግናል፤ ከዚያ ቡና እንገዛለን።",
        (("ቁልፍ", "ቁልፍ"), ("ጣሪያውን", "ጣሪያውን")),
    ),
    "emoji": Sample(
        "Picnic on Sunday 🧺🍉, bring the kite 🪁 and sunscreen. Rehearsal moved 🎺🎺 to the barn.",
        (("🍉", "🍉"), ("🪁 kite", "kite"), ("🎺", "🎺")),
    ),
}  # fmt: skip
